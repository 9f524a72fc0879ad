"""Starts the emulator. It does not know the address of a streaming integration, so that is written as it knows it."""
from ministack import app
from ministack.services import apigateway_v1 as api

read = api._extract_lambda_ref_from_integration_uri
api._extract_lambda_ref_from_integration_uri = lambda uri: read(
    (uri or "").replace("/response-streaming-invocations", "/invocations")
)
app.main()
