"""JSON schemas as small as they can be said: they stand in the model's context on every turn."""

from typing import Any, cast


def of_arguments(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an input schema without titles, references and "or null": optional arguments need not be given."""
    return {**_Compact(schema, nulls=False).result, "additionalProperties": False}


def of_results(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an output schema without titles, references, descriptions of models, and lists of what is required.

    Every field is always there; saying so costs more than all types together.
    """
    return _Compact(schema, nulls=True, noise=frozenset({"required"})).result


def outline(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an output schema with the names and types of the fields and no more."""
    properties = {name: {"type": field["type"]} for name, field in of_results(schema)["properties"].items()}
    return {"type": "object", "properties": properties}


class _Compact:
    def __init__(self, schema: dict[str, Any], *, nulls: bool, noise: frozenset[str] = frozenset()) -> None:
        self._definitions = cast("dict[str, Any]", schema.get("$defs", {}))
        self._nulls = nulls
        self._noise = noise
        self.result = cast("dict[str, Any]", self.of(schema))

    def of(self, node: object) -> object:
        if isinstance(node, list):
            return [self.of(item) for item in cast("list[object]", node)]
        if not isinstance(node, dict):
            return node
        found = self._or_null(self._resolved(cast("dict[str, Any]", node)))
        return {key: self._value(key, value) for key, value in found.items() if not self._is_noise(key, value, found)}

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in node:
            return node
        target = self._definitions[str(node["$ref"]).rsplit("/", 1)[-1]]
        return {**target, **{key: value for key, value in node.items() if key != "$ref"}}

    def _value(self, key: str, value: object) -> object:
        if key == "properties":
            return {name: self.of(item) for name, item in cast("dict[str, Any]", value).items()}
        return self.of(value)

    def _or_null(self, node: dict[str, Any]) -> dict[str, Any]:
        """Turn `anyOf: [X, null]` into X, whose type also says null."""
        options = cast("list[dict[str, Any]]", node.get("anyOf", []))
        others = [option for option in options if option != {"type": "null"}]
        if len(others) != 1 or len(options) != 2:
            return node
        inner = cast("dict[str, Any]", self.of(others[0]))
        outer = {key: value for key, value in node.items() if key != "anyOf"}
        if not self._nulls:
            return {**inner, **outer}
        widened: dict[str, Any] = {"type": [inner["type"], "null"]} if "type" in inner else {}
        if "enum" in inner:
            widened["enum"] = [*inner["enum"], None]
        return {**inner, **outer, **widened}

    def _is_noise(self, key: str, value: object, node: dict[str, Any]) -> bool:
        if key == "description":
            return "properties" in node
        return key in self._noise or key in ("$defs", "title") or (key == "default" and value is None)
