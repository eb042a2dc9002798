"""The model, its tokenizer and its weights: on the hub, on the disk, and for this vLLM."""

from typing import Final

from llmworker_server.signatures.signature import signatures

_NAME: Final = "Correct MODEL_NAME; for a private model set HF_TOKEN; for a folder, mount it."

SIGNATURES: Final = signatures(
    (
        "ModelForbidden",
        r"GatedRepoError: 403|and you are not in the authorized list",
        "The model is gated, and the account of HF_TOKEN has no access to it.",
        "Accept the model's licence on the hub with that account.",
    ),
    (
        "ModelGated",
        r"GatedRepoError|You are trying to access a gated repo",
        "The model is gated, and no valid token was given.",
        "Set HF_TOKEN to the token of an account that has accepted the model's licence.",
    ),
    (
        "RevisionNotFound",
        r"RevisionNotFoundError|is not a valid git identifier",
        "The model has no such branch, tag or commit.",
        "Correct MODEL_REVISION or TOKENIZER_REVISION.",
    ),
    (
        "ModelNotFound",
        r"(?<!\S)(?P<detail>\S{1,256}) is not a local folder and is not a valid model identifier",
        "There is no model {detail}, or it is private.",
        _NAME,
    ),
    (
        "ModelNotFound",
        r"RepositoryNotFoundError",
        "The hub knows no such model, or it is private.",
        _NAME,
    ),
    (
        "HubUnreachable",
        # Not "Name or service not known" alone: torch says it of addresses of its own, and goes on.
        r"NameResolutionError|MaxRetryError"
        r"|(?:httpx\d?|requests\.exceptions)\.(?:Connect|Proxy|SSL|Read|Network)\w*(?:Error|Timeout)"
        r"|An error happened while trying to locate the files? on the Hub",
        "The model is not on this machine, and the hub cannot be reached.",
        "Open the way to the hub (DNS, egress, HTTPS_PROXY, HF_ENDPOINT), or mount the model and name its folder in "
        "MODEL_NAME.",
    ),
    (
        "ModelNotCached",
        r"LocalEntryNotFoundError|outgoing traffic has been disabled|OfflineModeIsEnabled"
        r"|We couldn't connect to '[^']*' to load",
        "The model is not on this machine, and the hub may not be asked (HF_HUB_OFFLINE) or is out of reach.",
        "Unset HF_HUB_OFFLINE, open the way to the hub, or mount the model and name its folder.",
    ),
    (
        "ModelNotFound",
        r"HFValidationError: Repo id must .*?: '(?P<detail>[^']*)'",
        "{detail} is neither a folder in the container nor a name that a hub can have.",
        _NAME,
    ),
    (
        "ModelNotFound",
        r"(?:Invalid repository ID or local directory specified: |No supported config format found in )"
        r"(?P<detail>\S+)",
        "There is no usable model at {detail}.",
        _NAME,
    ),
    (
        "UnknownArchitecture",
        r"Model architectures (?P<detail>\[.*?\]) (?:are not supported|failed to be inspected)",
        "This vLLM does not know the architecture {detail}.",
        "Use an image with a newer vLLM, or another model.",
    ),
    (
        "UnknownArchitecture",
        r"has model type `(?P<detail>[^`]*)` but Transformers does not recognize",
        "This vLLM's transformers does not know the model type {detail}.",
        "Use an image with a newer vLLM, or another model.",
    ),
    (
        "RemoteCodeNotTrusted",
        r"contains custom code which must be executed|requires you to execute the (?:configuration|tokenizer) file in"
        r"|Failed to load the tokenizer\. If the tokenizer is a custom tokenizer",
        "The model brings code of its own, which is not trusted.",
        "Review that code, then set TRUST_REMOTE_CODE=1.",
    ),
    (
        "PackageMissing",
        r"requires the following packages that were not found in your environment: (?P<detail>[^.]*)",
        "The model's own code needs packages that are not in this image: {detail}.",
        "Build an image with them, or use a model that vLLM knows without TRUST_REMOTE_CODE.",
    ),
    (
        "TokenizerMissing",
        r"Can't load tokenizer for '(?P<detail>[^']*)'",
        "There is no tokenizer that can be loaded at {detail}.",
        "Name one in TOKENIZER, or download the model's folder whole.",
    ),
    (
        "TokenizerMissing",
        r"Couldn't instantiate the backend tokenizer from one of",
        "The model's folder holds no tokenizer that can be loaded.",
        "Name one in TOKENIZER, or download the model's folder whole.",
    ),
    (
        "WeightsMissing",
        r"Cannot find any model weights with `(?P<detail>[^`]*)`",
        "There are no weights at {detail}.",
        "Download the model whole, or correct MODEL_NAME or LOAD_FORMAT.",
    ),
    (
        "WeightsDamaged",
        r"(?P<detail>(?<=SafetensorError: ).+|PytorchStreamReader failed.*)",
        "A file of the weights is damaged, or only a part of it is there: {detail}.",
        "Delete it from the model cache and start again, with room on the disk; a mounted model, copy it again.",
    ),
)
