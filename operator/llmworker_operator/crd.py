"""The types of `api.py` as a CustomResourceDefinition with a structural schema and CEL rules. Pure.

The API server's dialect of OpenAPI is narrower than pydantic's: references are inlined, an optional type is the
type, and what has no place in a structural schema raises instead of being written.
"""

from typing import Any

from pydantic import BaseModel

from llmworker_contract import rules as contract
from llmworker_contract.catalogue import VARIABLES
from llmworker_contract.settings import PRINTABLE, Settings
from llmworker_operator import names
from llmworker_operator.api import LLMWorkerSpec
from llmworker_operator.statusspec import LLMWorkerStatus

_KEPT = {
    "type",
    "enum",
    "format",
    "required",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "pattern",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}
_DROPPED = {"title", "default", "$defs", "description"}
_NOT_NONE = {"rule": "self != 'None'", "message": "the word None means unset: remove the field"}
_ENV_NAMES = {variable.field: variable.name for variable in VARIABLES}


def definition() -> dict[str, Any]:
    """The whole CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.PLURAL}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": names.PLURAL,
                "singular": names.KIND.lower(),
                "shortNames": ["llmw"],
                "categories": ["all"],
            },
            "scope": "Namespaced",
            "versions": [_version()],
        },
    }


def _version() -> dict[str, Any]:
    columns = [
        ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
        ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', 0),
        ("Loading", "string", ".status.loading.phase", 0),
        ("Model", "string", ".spec.model.name", 0),
        ("Age", "date", ".metadata.creationTimestamp", 0),
        ("Serving", "integer", ".status.readyReplicas", 1),
        ("vLLM", "string", ".status.engine.vllm", 1),
        ("URL", "string", ".status.url", 1),
        ("Message", "string", '.status.conditions[?(@.type=="Ready")].message', 1),
    ]
    return {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, "priority": priority}
            for name, kind, path, priority in columns
        ],
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "schema": {"openAPIV3Schema": _root()},
    }


def _root() -> dict[str, Any]:
    spec = structural(LLMWorkerSpec, path="spec")
    spec["properties"]["replicas"]["default"] = 1  # the scale subresource needs a number to read
    return {
        "type": "object",
        "description": "A model, the engine's settings, and the pods that serve it.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": structural(LLMWorkerStatus, path="status"),
        },
        "x-kubernetes-validations": [
            {
                "rule": "self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                "message": "metadata.name also names a Service: at most 63 characters, beginning with a letter, "
                "then letters, digits and dashes",
            }
        ],
    }


def structural(model: type[BaseModel], path: str) -> dict[str, Any]:
    """The structural schema of a pydantic model; `path` is where it stands in the resource.

    Raises ValueError for anything that a structural schema cannot say.
    """
    schema = model.model_json_schema(by_alias=True)
    rules = _rules(model)
    root = _convert(schema, schema.get("$defs", {}), rules, path)
    return {**root, **({"x-kubernetes-validations": rules[model.__name__]} if rules[model.__name__] else {})}


def _rules(model: type[BaseModel]) -> dict[str, list[dict[str, str]]]:
    """CEL rules by class name, for the model and all that it is made of."""
    found: dict[str, list[dict[str, str]]] = {}
    groups = _contract_groups() if model is LLMWorkerSpec else {}
    pending: list[Any] = [model]
    while pending:
        item = pending.pop()
        if isinstance(item, type) and issubclass(item, BaseModel):
            shared = contract.cel(groups[item.__name__]) if item.__name__ in groups else []
            found[item.__name__] = shared + getattr(item, "RULES", [])
            pending += [field.annotation for field in item.model_fields.values()]
        pending += getattr(item, "__args__", ())
    return found


def _contract_groups() -> dict[str, str]:
    """The contract's groups by the name of the class that the resource has for each."""
    fields = LLMWorkerSpec.model_fields
    return {fields[group].annotation.__name__: group for group in Settings.model_fields}  # type: ignore[union-attr]


def _convert(
    schema: dict[str, Any], definitions: dict[str, Any], rules: dict[str, list[dict[str, str]]], path: str
) -> dict[str, Any]:
    node = dict(schema)
    described = node.get("description")
    if "x-kubernetes-int-or-string" in node:
        kept: dict[str, Any] = {
            key: node[key] for key in ("anyOf", "x-kubernetes-int-or-string", "minimum", "pattern") if key in node
        }
        return _described(kept, described, path)
    if "anyOf" in node:
        (only,) = [option for option in node.pop("anyOf") if option != {"type": "null"}]
        node = {**only, **{key: value for key, value in node.items() if key in {"description"}}}
        return _convert(node, definitions, rules, path)
    if "$ref" in node:
        name = node.pop("$ref").rpartition("/")[2]
        target = {**definitions[name], **({"description": described} if described else {})}
        converted = _convert(target, definitions, rules, path)
        own = [dict(rule) for rule in rules.get(name, [])]  # copies: YAML would refer to the first
        return {**converted, **({"x-kubernetes-validations": own} if own else {})}
    return _described(_plain(node, definitions, rules, path), described, path)


def _plain(
    node: dict[str, Any], definitions: dict[str, Any], rules: dict[str, list[dict[str, str]]], path: str
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            result[key] = {name: _convert(child, definitions, rules, f"{path}.{name}") for name, child in value.items()}
        elif key == "items":
            result[key] = _convert(value, definitions, rules, path)
        elif key == "additionalProperties":
            if isinstance(value, dict):
                result[key] = _convert(value, definitions, rules, path)
            elif value is not False and "x-kubernetes-preserve-unknown-fields" not in node:
                raise ValueError(f"{path}: an open object cannot be in a structural schema")
        elif key in {"exclusiveMinimum", "exclusiveMaximum"}:
            bound = "minimum" if key == "exclusiveMinimum" else "maximum"
            result |= {bound: value, key: True}
        elif key == "const":
            result["enum"] = [value]
        elif key in _KEPT:
            result[key] = value
            if (key, value) == ("pattern", PRINTABLE):
                result["x-kubernetes-validations"] = [dict(_NOT_NONE)]  # a copy: YAML would refer to the first
        elif key not in _DROPPED:
            raise ValueError(f"{path}: {key!r} cannot be in a structural schema")
    return result


def _described(schema: dict[str, Any], description: str | None, path: str) -> dict[str, Any]:
    text = " ".join((description or "").split())
    variable = _ENV_NAMES.get(path)
    if variable and variable not in text:
        text = f"{text} Variable: {variable}."
    return {"description": text, **schema} if text else schema
