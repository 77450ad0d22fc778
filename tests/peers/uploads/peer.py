"""One upload by a Python client over a line that is cut:

    peer.py tuspy|aiotus URL TOKEN FILE NAME

Prints the upload's address. The libraries are used as their manuals say, unchanged.
"""

import asyncio
import sys

import aiohttp
import aiotus
import requests
import urllib3
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

urllib3.disable_warnings()
client, url, token, path, name = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}
metadata = {"filename": name}


def tuspy():
    """Its own retries cover an append; a creation or a look that is cut is tried again by us."""
    made = TusClient(url, headers=headers)
    uploader = None
    for _ in range(20):
        try:
            uploader = uploader or made.uploader(
                path,
                chunk_size=1 << 20,
                metadata=metadata,
                retries=10,
                retry_delay=0.3,
                verify_tls_cert=False,
                upload_checksum=True,
            )
            uploader.upload()
            return uploader.url
        except (TusCommunicationError, TusUploadFailed, requests.RequestException) as fault:
            print("again:", fault, file=sys.stderr)
    raise SystemExit("tuspy gave up")


async def aio():
    config = aiotus.RetryConfiguration(retry_attempts=10, max_retry_period_seconds=0.3, ssl=False)
    async with aiohttp.ClientSession(headers=headers) as session:
        with open(path, "rb") as file:
            values = {key: value.encode() for key, value in metadata.items()}
            return await aiotus.upload(url, file, values, session, config, chunksize=1 << 20)


address = tuspy() if client == "tuspy" else asyncio.run(aio())
if not address:
    raise SystemExit(f"{client} gave up")
print(address)
