"""
The official Python clients through a whole gateway, which this starts, with a provider of its own behind it:

    python3 -m venv /tmp/clients && /tmp/clients/bin/pip install -r test/python/requirements.txt
    /tmp/clients/bin/python test/python/clients.py

Prints a line a case; exits 0 when all are as they must be, else 1.
"""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import uuid

import anthropic
import openai

sys.dont_write_bytecode = True
from provider import ANSWER, CALL, start_provider

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"], "additionalProperties": False}
QUICK_SECONDS = 5  # A client that waits for a limit waits for longer.


def sign(signer, **claims):
    """A scoped token of a key: one HMAC."""
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    now = int(time.time())
    claims = {"sub": signer["account"], "iat": now, "exp": now + 600, "jti": str(uuid.uuid4()),
              "spending_limit": 1.0, **claims}
    signed = f'{part({"alg": "HS256", "typ": "JWT", "kid": signer["kid"]})}.{part(claims)}'
    mac = hmac.new(signer["key"].encode(), signed.encode(), hashlib.sha256).digest()
    return f'jwt:{signed}.{base64.urlsafe_b64encode(mac).rstrip(b"=").decode()}'


class Chat:
    sdk, model = openai, "openai/gpt-4o-mini"

    def __init__(self, url, token, **more):
        self.client = openai.OpenAI(base_url=url, api_key=token, **more)

    def create(self, prompt, **more):
        return self.client.chat.completions.create(
            model=self.model, messages=[{"role": "user", "content": prompt}], max_completion_tokens=100, **more)

    def ask(self, prompt):
        return self.create(prompt).choices[0].message.content

    def stream(self, prompt):
        return "".join(chunk.choices[0].delta.content or "" for chunk in self.create(prompt, stream=True))

    def call_tool(self, prompt):
        function = {"name": "add", "parameters": TOOL}
        answer = self.create(prompt, tools=[{"type": "function", "function": function}])
        called = answer.choices[0].message.tool_calls[0].function
        return {"name": called.name, "input": json.loads(called.arguments)}


class Responses(Chat):
    def create(self, prompt, **more):
        return self.client.responses.create(model=self.model, input=prompt, max_output_tokens=100, **more)

    def ask(self, prompt):
        return self.create(prompt).output_text

    def stream(self, prompt):
        events = self.create(prompt, stream=True)
        return "".join(event.delta for event in events if event.type == "response.output_text.delta")

    def call_tool(self, prompt):
        tool = {"type": "function", "name": "add", "parameters": TOOL, "strict": True}
        called = self.create(prompt, tools=[tool]).output[0]
        return {"name": called.name, "input": json.loads(called.arguments)}


class Messages:
    sdk, model = anthropic, "anthropic/claude-sonnet-4-5"

    def __init__(self, url, token, **more):
        self.client = anthropic.Anthropic(base_url=url.removesuffix("/v1"), api_key=token, **more)

    def create(self, prompt, **more):
        return self.client.messages.create(
            model=self.model, messages=[{"role": "user", "content": prompt}], max_tokens=100, **more)

    def ask(self, prompt):
        return self.create(prompt).content[0].text

    def stream(self, prompt):
        events = self.create(prompt, stream=True)
        return "".join(event.delta.text for event in events if event.type == "content_block_delta")

    def call_tool(self, prompt):
        called = self.create(prompt, tools=[{"name": "add", "input_schema": TOOL}]).content[0]
        return {"name": called.name, "input": called.input}


def raised(call):
    """What a call raised: class, code, the answer's headers, and whether it took no wait."""
    started = time.monotonic()
    try:
        call()
    except (openai.APIError, anthropic.APIError) as error:
        body = error.body if isinstance(error.body, dict) else {}
        code = body.get("error", body).get("code")
        headers = getattr(getattr(error, "response", None), "headers", {})
        return {"kind": type(error).__name__, "code": code, "headers": headers,
                "quick": time.monotonic() - started < QUICK_SECONDS}
    raise AssertionError("nothing was raised")


class Run:
    """One client's cases."""

    def __init__(self, name, kind, gateway, keys):
        self.name, self.kind, self.gateway, self.keys, self.failures = name, kind, gateway, keys, 0
        self.tries = 0

    def client(self, key="demo", retries=None, **claims):
        def count(_):
            self.tries += 1
        http = self.kind.sdk.DefaultHttpxClient(event_hooks={"request": [count]})
        more = {} if retries is None else {"max_retries": retries}
        return self.kind(self.gateway["url"], sign(self.keys[key], **claims), http_client=http, **more)

    def check(self, case, got, expected):
        is_right = got == expected
        self.failures += not is_right
        print(f'{"ok  " if is_right else "FAIL"} {self.name}: {case}' + ("" if is_right else f" {got} {expected}"))

    def refused(self, case, call, kind, code, tries=1, header=None):
        self.tries = 0
        got = raised(call)
        value = header and got["headers"].get(header[0])
        self.check(case, (got["kind"], got["code"], self.tries, got["quick"], header and header[1](value)),
                   (kind, code, tries, True, header and True))

    def all(self):
        self.check("an answer", self.client().ask("Say hello"), ANSWER)
        self.check("a stream", self.client().stream("Say hello"), ANSWER)
        self.check("a tool", self.client().call_tool("Call it"), CALL)
        is_anthropic = self.kind.sdk is anthropic
        plain = lambda **claims: (lambda: self.client(**claims).ask("Say hello"))
        self.refused("a refused model", plain(models=["openai/gpt-4o"]), "PermissionDeniedError", "model_not_allowed")
        self.refused("an expired token", plain(exp=1_000_000_000, iat=999_999_000), "AuthenticationError", "token_expired")
        spent = "PaymentRequiredError" if is_anthropic else "APIStatusError"
        self.refused("a spent budget", plain(spending_limit=0.000_000_1), spent, "insufficient_quota")
        self.limits()
        for way in ("ask", "stream"):
            call = lambda: getattr(self.client(retries=0), way)("Fail")
            self.refused(f"a provider that fails before its answer ({way})", call, "InternalServerError", "upstream_error")
        middle = "APIStatusError" if is_anthropic else "APIError"
        self.refused("a provider that breaks off", lambda: self.client().stream("Break off"), middle, "upstream_error")
        return self.failures

    def limits(self):
        minute = self.client(key="minute", retries=0)
        second = time.time() % 60
        if second > 50:  # The second call would lie in the next minute.
            time.sleep(60 - second)
        minute.ask("Say hello")
        within = ("retry-after", lambda value: value is not None and 1 <= int(value) <= 60)
        self.refused("a rate", lambda: minute.ask("Say hello"), "RateLimitError", "rate_limit_exceeded", header=within)
        day = self.client(key="day")
        day.ask("Say hello")
        never = ("x-should-retry", lambda value: value == "false")
        self.refused("a rate until tomorrow", lambda: day.ask("Say hello"), "RateLimitError", "rate_limit_exceeded", header=never)


def run_snippet(gateway, keys):
    """The Python that the holder's page offers, as it is pasted into a file."""
    facts = {"root": gateway["url"].removesuffix("/v1"), "model": Chat.model, "credential": sign(keys["demo"])}
    script = 'import { makeSnippets } from "./pages/me/snippets.ts"; console.log(makeSnippets(JSON.parse(process.argv[1]))[0].text)'
    node = ["npx", "--no-install", "node", "--input-type=module", "-e", script, json.dumps(facts)]
    text = subprocess.run(node, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    is_right = ran.stdout.strip() == ANSWER
    print(f'{"ok  " if is_right else "FAIL"} the page\'s snippet' + ("" if is_right else f" {ran.stdout} {ran.stderr}"))
    return not is_right


def npm(*arguments):
    return ["npm", "run", "--silent", *arguments]


def make_keys(gateway, folder):
    keys = {"demo": {"account": gateway["account"], "kid": gateway["kid"], "key": gateway["key"]}}
    for window in ("minute", "day"):
        command = npm("hallpass", "--", "keys", "create", window, "--limit", f"user:requests:{window}=1", "--data", folder, "--json")
        made = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
        keys[window] = {**keys["demo"], "kid": made["kid"], "key": made["key"]}
    return keys


def main():
    provider = start_provider()
    clients = {
        f"openai {openai.__version__}": Chat,
        f"openai {openai.__version__}, responses": Responses,
        f"anthropic {anthropic.__version__}": Messages,
    }
    with tempfile.TemporaryDirectory() as folder:
        command = npm("start", "--", "--json", "--port", "0", "--data", folder,
                      "--provider", f"openai={provider}", "--provider", f"anthropic={provider}")
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            gateway = json.loads(process.stdout.readline())
            keys = make_keys(gateway, folder)
            failures = sum(Run(name, kind, gateway, keys).all() for name, kind in clients.items())
            failures += run_snippet(gateway, keys)
        finally:
            process.terminate()
            process.wait()
    print(f"{failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
