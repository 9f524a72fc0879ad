"""HALLPASS_KEY=... HALLPASS_KEY_ID=... python3 issue_pyjwt.py ada@example.edu (pip install pyjwt)"""
import os, sys, time, uuid
import jwt

kid = os.environ["HALLPASS_KEY_ID"]
claims = {
    "sub": kid.rpartition(":")[0], "exp": int(time.time()) + 86400, "jti": str(uuid.uuid4()),
    "user": sys.argv[1], "models": ["demo/*"], "spending_limit": 2.0,
}
print("jwt:" + jwt.encode(claims, os.environ["HALLPASS_KEY"], "HS256", {"kid": kid}))
