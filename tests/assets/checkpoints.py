"""Hugging Face checkpoints made without a hub. Runs in the engine environment, started by `assets.models`.

`python -m assets.checkpoints smollm2 MODEL.gguf FOLDER` unpacks llama.cpp's format; transformers reads GGUF too,
but can not save what it read. `python -m assets.checkpoints tiny-llama FOLDER` makes a random model.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import gguf  # type: ignore[import-not-found]
import tokenizers  # type: ignore[import-not-found]
import torch  # type: ignore[import-not-found]
from gguf.quants import dequantize  # type: ignore[import-not-found]
from safetensors.torch import save_file  # type: ignore[import-not-found]
from tokenizers import decoders, models, pre_tokenizers

_SPECIAL_TOKEN: Final = 3
"""GGUF's token type CONTROL."""

_LAYER_PARTS: Final = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

_CHATML: Final = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_TINY_SPECIALS: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_TINY_HIDDEN: Final = 64
_TINY_HEAD: Final = 32
_TINY_INNER: Final = 128
_TINY_LAYERS: Final = 2
_TINY_POSITIONS: Final = 2048


def smollm2(packed: Path, folder: Path) -> None:
    """The Llama model of a GGUF file as a Hugging Face folder, its weights in bfloat16."""
    reader = gguf.GGUFReader(packed)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    heads, kv_heads = fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]
    weights = {}
    for tensor in reader.tensors:
        values = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
        part = tensor.name.split(".")[-2]
        if part in ("attn_q", "attn_k"):
            values = _unpermuted(values, heads if part == "attn_q" else kv_heads)
        weights[_hugging_face_name(tensor.name)] = values.to(torch.bfloat16).contiguous()
    tokens, kinds = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    specials = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _SPECIAL_TOKEN]
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    begin, end = fields["tokenizer.ggml.bos_token_id"], fields["tokenizer.ggml.eos_token_id"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    _write_tokenizer(
        folder,
        tokens,
        merges,
        specials,
        chat_template=fields["tokenizer.chat_template"],
        begin=tokens[begin],
        end=tokens[end],
    )
    _write_config(
        folder,
        begin,
        end,
        hidden_size=fields["llama.embedding_length"],
        intermediate_size=fields["llama.feed_forward_length"],
        num_hidden_layers=fields["llama.block_count"],
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=fields["llama.rope.dimension_count"],
        max_position_embeddings=fields["llama.context_length"],
        rope_theta=fields["llama.rope.freq_base"],
        rms_norm_eps=1e-5,
        vocab_size=fields["llama.vocab_size"],
    )


def tiny_llama(folder: Path) -> None:
    """A random Llama of 212 KB over bytes: it starts fast and its answers are noise, with broken characters in them."""
    generator = torch.Generator().manual_seed(0)
    tokens = [*_TINY_SPECIALS, *sorted(pre_tokenizers.ByteLevel.alphabet())]

    def random(*shape: int) -> Any:
        return (torch.randn(shape, generator=generator) * 0.05).to(torch.bfloat16)

    def ones() -> Any:
        return torch.ones(_TINY_HIDDEN, dtype=torch.bfloat16)

    weights = {"model.embed_tokens.weight": random(len(tokens), _TINY_HIDDEN), "model.norm.weight": ones()}
    shapes = {
        "self_attn.q_proj": (_TINY_HIDDEN, _TINY_HIDDEN),
        "self_attn.k_proj": (_TINY_HEAD, _TINY_HIDDEN),
        "self_attn.v_proj": (_TINY_HEAD, _TINY_HIDDEN),
        "self_attn.o_proj": (_TINY_HIDDEN, _TINY_HIDDEN),
        "mlp.gate_proj": (_TINY_INNER, _TINY_HIDDEN),
        "mlp.up_proj": (_TINY_INNER, _TINY_HIDDEN),
        "mlp.down_proj": (_TINY_HIDDEN, _TINY_INNER),
    }
    for layer in range(_TINY_LAYERS):
        prefix = f"model.layers.{layer}"
        weights |= {f"{prefix}.{part}.weight": random(*shape) for part, shape in shapes.items()}
        weights |= {f"{prefix}.{part}.weight": ones() for part in ("input_layernorm", "post_attention_layernorm")}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    _write_tokenizer(
        folder, tokens, [], list(_TINY_SPECIALS), chat_template=_CHATML, begin=_TINY_SPECIALS[0], end=_TINY_SPECIALS[2]
    )
    _write_config(
        folder,
        0,
        2,
        hidden_size=_TINY_HIDDEN,
        intermediate_size=_TINY_INNER,
        num_hidden_layers=_TINY_LAYERS,
        num_attention_heads=_TINY_HIDDEN // _TINY_HEAD,
        num_key_value_heads=1,
        head_dim=_TINY_HEAD,
        max_position_embeddings=_TINY_POSITIONS,
        rope_theta=10000.0,
        rms_norm_eps=1e-5,
        vocab_size=len(tokens),
    )


def _unpermuted(weight: Any, heads: int) -> Any:
    """llama.cpp interleaves the two halves of each head of q and k for its rotary embedding; this takes it back."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _hugging_face_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{_LAYER_PARTS[part]}.{kind}"


def _write_tokenizer(
    folder: Path,
    tokens: list[str],
    merges: list[tuple[str, ...]],
    specials: list[str],
    *,
    chat_template: str,
    begin: str,
    end: str,
) -> None:
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": begin,
            "eos_token": end,
            "pad_token": end,
            "unk_token": tokens[0],
            "add_bos_token": False,
            "clean_up_tokenization_spaces": False,
            "chat_template": chat_template,
        },
    )


def _write_config(folder: Path, begin: int, end: int, **architecture: int | float) -> None:
    ends: dict[str, Any] = {"bos_token_id": begin, "eos_token_id": end, "pad_token_id": end}
    fixed: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
    }
    _write_json(folder / "config.json", fixed | ends | architecture)
    _write_json(folder / "generation_config.json", ends)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["smollm2", packed, folder]:
            smollm2(Path(packed), Path(folder))
        case ["tiny-llama", folder]:
            tiny_llama(Path(folder))
        case given:
            sys.exit(f"expected smollm2 MODEL.gguf FOLDER or tiny-llama FOLDER, got {given}")
