"""Object storage on this machine: a server that answers as S3 does."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

KEYS = {"AWS_ACCESS_KEY_ID": "silk", "AWS_SECRET_ACCESS_KEY": "worm", "AWS_EC2_METADATA_DISABLED": "true"}
REGION = "eu-central-1"


@contextmanager
def bucket() -> Iterator[str]:
    """The URI of a folder in a new bucket; inside, this process and those that it starts have its keys."""
    import boto3
    from moto.server import ThreadedMotoServer

    name, server = uuid.uuid4().hex, ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with patch.dict(os.environ, KEYS):
            client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name=REGION)
            client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
            yield f"s3://{name}/below?endpoint_override={host}%3A{port}&scheme=http&region={REGION}"
    finally:
        server.stop()
