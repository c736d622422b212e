"""Random JSON schemas within what the grammar engine supports, and now and then a little beyond."""
import random

WORDS = ["name", "id", "city", "größe", "a b", "tags", "x/y", "type", "\"q\"", "value", "items", "n"]
PATTERNS = ["^[a-z]+$", "^\\d{3}-\\d{4}$", "ab|cd", "^(foo|bar)_[0-9]{1,3}$", "[A-Z]", "^.{2,5}$", "^\\S+ \\S+$"]
FORMATS = ["date", "time", "date-time", "uuid", "email", "ipv4", "ipv6", "hostname", "uri", "duration"]


class SchemaMaker:
    def __init__(self, rng: random.Random):
        self.rng = rng

    def schema(self) -> dict:
        schema = self.object(3) if self.rng.random() < 0.7 else self.any(3)
        if self.rng.random() < 0.2:
            node = {"type": "object", "properties": {"v": self.any(1), "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
                    "required": ["v", "next"], "additionalProperties": False}
            schema = {"$defs": {"node": node}, "type": "object", "properties": {"head": {"$ref": "#/$defs/node"}, "rest": schema},
                      "required": ["head"], "additionalProperties": False}
        return schema

    def any(self, depth: int):
        kinds = [self.string, self.string, self.number, self.integer, self.listed, self.simple]
        if depth > 0:
            kinds += [self.object, self.array, self.choice, self.all_of]
        return self.rng.choice(kinds)(depth)

    def maybe(self, schema: dict, chance: float, **keywords) -> None:
        for key, value in keywords.items():
            if self.rng.random() < chance:
                schema[key] = value

    def simple(self, _depth: int):
        return self.rng.choice([{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}, {}, True])

    def string(self, _depth: int) -> dict:
        schema: dict = {"type": "string"}
        kind = self.rng.random()
        if kind < 0.25:
            schema["pattern"] = self.rng.choice(PATTERNS)
        elif kind < 0.45:
            schema["format"] = self.rng.choice(FORMATS)
        elif kind < 0.75:
            low = self.rng.choice([0, 1, 3])
            self.maybe(schema, 0.7, minLength=low)
            self.maybe(schema, 0.7, maxLength=low + self.rng.choice([0, 2, 10, 300]))
        return schema

    def number(self, _depth: int) -> dict:
        schema: dict = {"type": "number"}
        low = self.rng.choice([-100, -1.5, 0, 0.25, 3, 1e3])
        self.maybe(schema, 0.4, **{self.rng.choice(["minimum", "exclusiveMinimum"]): low})
        self.maybe(schema, 0.4, **{self.rng.choice(["maximum", "exclusiveMaximum"]): low + self.rng.choice([0.5, 10, 12345])})
        return schema

    def integer(self, _depth: int) -> dict:
        schema: dict = {"type": "integer"}
        low = self.rng.choice([-1000, -7, 0, 1, 42])
        self.maybe(schema, 0.5, minimum=low)
        self.maybe(schema, 0.5, maximum=low + self.rng.choice([0, 9, 100, 99999]))
        self.maybe(schema, 0.1, multipleOf=self.rng.choice([1, 3, 10]))
        return schema

    def listed(self, _depth: int) -> dict:
        values = ["a", "b\n", "", 1, 2.5, True, None, "long value", [1, "x"], {"k": [None]}]
        if self.rng.random() < 0.3:
            return {"const": self.rng.choice(values)}
        return {"enum": self.rng.sample(values, self.rng.randint(1, 5))}

    def object(self, depth: int) -> dict:
        names = self.rng.sample(WORDS, self.rng.randint(0, 5))
        schema: dict = {"type": "object", "properties": {n: self.any(depth - 1) for n in names}}
        self.maybe(schema, 0.8, required=self.rng.sample(names, self.rng.randint(0, len(names))))
        if self.rng.random() < 0.7:
            schema["additionalProperties"] = self.rng.choice([False, False, {"type": "integer"}])
        if self.rng.random() < 0.1:
            schema["patternProperties"] = {"^x_": {"type": "boolean"}}
        self.maybe(schema, 0.1, maxProperties=self.rng.randint(len(schema.get("required", [])), 6))
        return schema

    def array(self, depth: int) -> dict:
        schema: dict = {"type": "array", "items": self.any(depth - 1)}
        low = self.rng.choice([0, 1, 2])
        self.maybe(schema, 0.4, minItems=low)
        self.maybe(schema, 0.4, maxItems=low + self.rng.choice([0, 1, 5]))
        if self.rng.random() < 0.2:
            schema["prefixItems"] = [self.any(depth - 1) for _ in range(self.rng.randint(1, 2))]
        return schema

    def choice(self, depth: int) -> dict:
        if self.rng.random() < 0.3:
            kinds = [{"type": "object", "properties": {"kind": {"const": k}, "v": self.any(depth - 1)}, "required": ["kind"]} for k in "abc"]
            return {"oneOf": kinds}
        return {"anyOf": [self.any(depth - 1) for _ in range(self.rng.randint(1, 3))]}

    def all_of(self, depth: int) -> dict:
        return {"allOf": [{"type": "object", "properties": {"n": {"type": "integer"}}}, {"properties": {"n": {"minimum": 3}, "m": self.any(depth - 1)}}]}
