"""What a site's API answers, held against its own description: each address as its schema allows it and as it does not.

What is made here changes nothing: each request that would change something is wrong in one way.
"""
import copy
import gzip
import json
import urllib.error
import urllib.parse
import urllib.request

from jsonschema import Draft202012Validator

# Something that is of none of the types that a member here may have.
WRONG = {"no": ["such", {"thing": 1}]}


def judge(base, cookie, queries=None, fingerprint=None):
    """Fails at the first answer that is not as described; how many were made. `queries`: what to ask at an address;
    `fingerprint`: the address that says the one of which a change must be."""
    api = Api(base, cookie)
    if fingerprint:
        api.right["fingerprint"] = api.ask("get", fingerprint)[1]["fingerprint"]
    for path, methods in api.described["paths"].items():
        for method, operation in methods.items():
            if method == "get":
                api.reads(path, operation, (queries or {}).get(path, {}))
            else:
                api.refuses(method, path, operation)
    return api.count


class Api:
    def __init__(self, base, cookie):
        self.base, self.cookie, self.count, self.right = base, cookie, 0, {}
        described = self.ask("get", "/api/v1/openapi.json")[1]
        # What is said and not described is a fault as well.
        self.described = strict(described)
        self.token = self.ask("get", "/api/v1/session")[1]["token"]

    def reads(self, path, operation, query):
        """With all that must be asked for; without it; and as somebody whom nobody knows."""
        needed = [it["name"] for it in operation.get("parameters", []) if it.get("required")]
        assert set(needed) <= set(query), f"{path}: give a query for {needed}"
        self.expect("get", path, operation, 200, query=query)
        for it in operation.get("parameters", []):
            self.expect("get", path, operation, None, query={**query, it["name"]: "\u202e' OR 1=1 --<script>"})
        if "401" in operation["responses"]:
            self.expect("get", path, operation, 401, query=query, known=False)

    def refuses(self, method, path, operation):
        """Whoever has no session, no token, another type of content, or a body that is not as its schema says."""
        schema = self.schema(operation.get("requestBody", {}))
        right = example(self.described, schema)
        right |= {name: value for name, value in self.right.items() if name in right}
        if "401" in operation["responses"]:
            self.expect(method, path, operation, 401, body=right, known=False)
        self.expect(method, path, operation, 403, body=right, token="0" * 64)
        if not schema:
            return
        self.expect(method, path, operation, 415, body=right, kind="text/plain")
        for body in ([], "text", 7, None, *wrong(right, resolved(self.described, schema))):
            self.expect(method, path, operation, 422, body=body)
        self.expect(method, path, operation, 422, raw=b'{"half": ')

    def expect(self, method, path, operation, status, **how):
        got, body = self.ask(method, path, **how)
        where = f"{method} {path} {how}: {got} {json.dumps(body)[:300]}"
        assert status in (None, got), f"not {status}: {where}"
        assert str(got) in operation["responses"], f"not described: {where}"
        schema = self.schema(operation["responses"][str(got)])
        if schema:
            faults = Draft202012Validator({**schema, "components": self.described["components"]}).iter_errors(body)
            fault = next(faults, None)
            assert fault is None, f"{where}: {fault.message[:300]} at {list(fault.absolute_path)}" if fault else ""

    def ask(self, method, path, body=None, raw=None, query=None, kind="application/json", token=None, known=True):
        url = self.base + path + ("?" + urllib.parse.urlencode(query) if query else "")
        headers = {"Cookie": self.cookie} if known else {}
        if method != "get":
            raw = json.dumps(body).encode() if raw is None else raw
            headers |= {"Content-Type": kind, "X-NTM-Token": token or self.token}
        self.count += 1
        try:
            with urllib.request.urlopen(urllib.request.Request(url, raw, headers, method=method.upper())) as answer:
                return answer.status, content(answer)
        except urllib.error.HTTPError as error:
            return error.code, content(error)

    def schema(self, described):
        return described.get("content", {}).get("application/json", {}).get("schema")


def content(answer):
    body = answer.read()
    if answer.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return json.loads(body) if answer.headers.get_content_type() == "application/json" else body.decode()


def strict(node):
    if isinstance(node, list):
        return [strict(it) for it in node]
    if not isinstance(node, dict):
        return node
    node = {key: strict(value) for key, value in node.items()}
    if node.get("type") == "object" and "properties" in node:
        node.setdefault("additionalProperties", False)
    return node


def resolved(described, schema):
    while "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def example(described, schema):
    """Something that the schema allows; of an object, what it must have."""
    schema = resolved(described, schema or {})
    if "anyOf" in schema:
        return example(described, schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: example(described, schema["properties"][name]) for name in schema.get("required", [])}
    return {"string": "nobody", "integer": 1, "number": 1.5, "boolean": True, "array": [], "null": None}[kind]


def wrong(right, schema):
    """That, without something it must have, or with something that is of no type it may have."""
    for name in schema.get("required", []):
        bad = copy.deepcopy(right)
        del bad[name]
        yield bad
    for name in schema.get("properties", {}):
        yield {**right, name: WRONG}
