"""Settings that the engine refuses, by themselves or for this model."""

from typing import Final

from llmworker_server.signatures.signature import signatures

SIGNATURES: Final = signatures(
    (
        "BadArgument",
        r"api_server(?:\.py)?: error: (?P<detail>.+)",
        "The engine refuses its command line: {detail}.",
        "Correct or remove the setting that it names; starting again does not help.",
    ),
    (
        "UnknownParser",
        r"invalid tool call parser: (?P<detail>.*?) \(chose from \{ ?(?P<choices>[^}]*?) ?\}",
        "This vLLM has no parser of tool calls {detail}.",
        "Set TOOL_CALL_PARSER to one of {choices}.",
    ),
    (
        "UnknownParser",
        r"invalid reasoning parser: (?P<detail>.*?) \(chose from \{ ?(?P<choices>[^}]*?) ?\}",
        "This vLLM has no parser of reasoning {detail}.",
        "Set REASONING_PARSER to one of {choices}.",
    ),
    (
        "ChatTemplateMissing",
        r"The supplied chat template string \((?P<detail>.*?)\) appears path-like",
        "The chat template {detail} is not a file in the container.",
        "Mount it and name its path in CUSTOM_CHAT_TEMPLATE_FILE, or write the template into CUSTOM_CHAT_TEMPLATE.",
    ),
    (
        "LoraRankTooHigh",
        r"LoRA rank (?P<rank>\d+) is greater than max_lora_rank (?P<limit>\d+)",
        "An adapter of LORA_MODULES has rank {rank}, and the engine was made for {limit}.",
        "Set MAX_LORA_RANK to at least {rank}.",
    ),
    (
        "LoraRankNotAllowed",
        r"max_lora_rank \((?P<detail>\d+)\) must be one of \((?P<choices>[\d, ]+)\)",
        "MAX_LORA_RANK is {detail}, which this vLLM does not take.",
        "Set MAX_LORA_RANK to the next larger of {choices}.",
    ),
    (
        "AdapterNotFound",
        r"Loading lora (?P<name>.*?) failed: No adapter found for (?P<detail>.*)",
        "The adapter {name} of LORA_MODULES is not at {detail}.",
        "Correct its path in LORA_MODULES, or mount it there.",
    ),
    (
        "HeadsNotDivisible",
        r"Total number of attention heads \((?P<heads>\d+)\) must be divisible by tensor parallel size "
        r"\((?P<asked>\d+)\)",
        "The model's {heads} attention heads cannot be split over {asked} GPUs.",
        "Set TENSOR_PARALLEL_SIZE to a number that divides {heads}.",
    ),
    (
        "QuantizationMismatch",
        r"Quantization method specified in the model config \((?P<own>.*?)\) does not match the quantization method "
        r"specified in the `quantization` argument \((?P<asked>.*?)\)",
        "QUANTIZATION is {asked}, but the checkpoint is quantized as {own}.",
        "Unset QUANTIZATION: the checkpoint itself says how it is quantized.",
    ),
    (
        "NotQuantized",
        r"Cannot find the config file for (?P<asked>\w+)",
        "QUANTIZATION is {asked}, but the checkpoint has no configuration of it: most likely it is not quantized.",
        "Unset QUANTIZATION, or name in MODEL_NAME a checkpoint that is quantized so.",
    ),
    (
        "DtypeNotSupported",
        r"torch\.(?P<dtype>\w+) is not supported for quantization method (?P<method>\w+)\. "
        r"Supported dtypes: (?P<choices>.*)",
        "Quantization by {method} does not work with {dtype}, only with {choices}.",
        "Set DTYPE=half.",
    ),
    (
        "DtypeNotSupported",
        r"Bfloat16 is only supported on GPUs with compute capability of at least 8\.0\.(?: Your (?P<gpu>.*?) GPU )?",
        "The GPU {gpu} is too old for bfloat16.",
        "Set DTYPE=half.",
    ),
    (
        "ContextTooLong",
        r"User-specified max_model_len \((?P<asked>\d+)\) is greater than the derived max_model_len "
        r"\([^)\d]*(?P<largest>\d+)",
        "MAX_MODEL_LEN is {asked}, but the model was made for {largest} tokens.",
        "Set MAX_MODEL_LEN to at most {largest}, or leave it out.",
    ),
)
