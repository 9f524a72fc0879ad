"""HALLPASS_KEY=... HALLPASS_KEY_ID=... python3 issue_stdlib.py ada@example.edu"""
import base64, hashlib, hmac, json, os, sys, time, uuid

encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
kid = os.environ["HALLPASS_KEY_ID"]
header = {"alg": "HS256", "typ": "JWT", "kid": kid}
claims = {
    "sub": kid.rpartition(":")[0], "exp": int(time.time()) + 86400, "jti": str(uuid.uuid4()),
    "user": sys.argv[1], "models": ["demo/*"], "spending_limit": 2.0,
}
text = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
signature = hmac.digest(os.environ["HALLPASS_KEY"].encode(), text.encode(), hashlib.sha256)
print(f"jwt:{text}.{encode(signature)}")
