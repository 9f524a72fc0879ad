"""A provider on loopback, in OpenAI's two formats and Anthropic's: answers, calls tools, fails and breaks off as it is asked."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = "Hello from Python"
CALL = {"name": "add", "input": {"a": 1}}


def event(body, name=None):
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(body)}\n\n"


def typed(kind, **more):
    return event({"type": kind, **more}, kind)


def chat(is_tool):
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    envelope = {"id": "chatcmpl-1", "created": 1, "model": "m"}
    function = {"name": CALL["name"], "arguments": json.dumps(CALL["input"])}
    calls = {"tool_calls": [{"id": "c1", "type": "function", "function": function}]}
    message = {"role": "assistant", "content": None if is_tool else ANSWER, **(calls if is_tool else {})}
    whole = {**envelope, "object": "chat.completion", "usage": usage,
             "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    def chunk(choices, **more):
        return event({**envelope, "object": "chat.completion.chunk", "choices": choices, **more})

    text = chunk([{"index": 0, "delta": {"content": ANSWER}, "finish_reason": None}])
    end = chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}]) + chunk([], usage=usage) + "data: [DONE]\n\n"
    return whole, text, end


def responses(is_tool):
    content = {"type": "output_text", "text": ANSWER, "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [content]}
    if is_tool:
        item = {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": CALL["name"],
                "arguments": json.dumps(CALL["input"])}
    usage = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 20,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 30}
    whole = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed",
             "output": [item], "usage": usage}
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    text = typed("response.created", sequence_number=0, response=begun) + typed(
        "response.output_text.delta", sequence_number=1, item_id="msg_1", output_index=0, content_index=0,
        delta=ANSWER, logprobs=[])
    return whole, text, typed("response.completed", sequence_number=2, response=whole)


def messages(is_tool):
    block = {"type": "tool_use", "id": "t1", **CALL} if is_tool else {"type": "text", "text": ANSWER}
    usage = {"input_tokens": 10, "output_tokens": 20}
    whole = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [block],
             "stop_reason": "tool_use" if is_tool else "end_turn", "stop_sequence": None, "usage": usage}
    begun = {**whole, "content": [], "stop_reason": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
    text = typed("message_start", message=begun)
    text += typed("content_block_start", index=0, content_block={"type": "text", "text": ""})
    text += typed("content_block_delta", index=0, delta={"type": "text_delta", "text": ANSWER})
    end = typed("content_block_stop", index=0)
    end += typed("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 20})
    return whole, text, end + typed("message_stop")


FORMATS = {"/v1/chat/completions": chat, "/v1/responses": responses, "/v1/messages": messages}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["content-length"]))
        body = json.loads(raw)
        whole, text, end = FORMATS[self.path]("tools" in body)
        if b"Fail" in raw:
            self.answer(500, "application/json", '{"error":{"message":"inner workings"}}')
        elif not body.get("stream"):
            self.answer(200, "application/json", json.dumps(whole))
        else:
            # Breaks off where the rest was announced.
            is_broken = b"Break off" in raw
            self.answer(200, "text/event-stream", text if is_broken else text + end, len(end) if is_broken else 0)

    def answer(self, status, kind, text, missing=0):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text) + missing))
        self.end_headers()
        self.wfile.write(text.encode())
        self.close_connection = missing > 0

    def log_message(self, *_):
        pass


def start_provider():
    """Its base URL; it lives as long as the process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/v1"
