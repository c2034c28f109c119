"""S3 servers of the tests' own: ministack and MinIO, each with one empty bucket."""

import datetime
import hashlib
import hmac
import http.client
import tempfile
import uuid
from pathlib import Path

from harness.process import LOOPBACK, Failed, Process, free_ports, wait_until
from harness.tools import TOOLS

REGION = "us-east-1"
USER = "tidelogtest"
PASSWORD = "tidelogtest"


def signed_headers(method: str, host: str, path: str) -> dict[str, str]:
    """AWS signature version 4 for a request without a query or a body."""
    now = datetime.datetime.now(datetime.timezone.utc)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    body = hashlib.sha256(b"").hexdigest()
    headers = {"host": host, "x-amz-content-sha256": body, "x-amz-date": stamp}
    names = ";".join(headers)
    canonical = "\n".join(
        [method, path, "", *(f"{name}:{value}" for name, value in headers.items()), "", names, body]
    )
    scope = f"{day}/{REGION}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{PASSWORD}".encode()
    for part in (day, REGION, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, digest])
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={USER}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


class S3Server:
    """A server process with one bucket; `env` is what a broker needs to find it."""

    def __init__(self, directory: Path | None = None):
        self.directory = Path(directory or tempfile.mkdtemp(prefix="s3-server-"))
        self.bucket = f"tidelog-{uuid.uuid4().hex[:12]}"
        self.process: Process | None = None
        self.port, self.spare_port = free_ports(2)

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"http://{self.address}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": USER,
            "AWS_SECRET_ACCESS_KEY": PASSWORD,
        }

    def store_url(self, prefix: str = "") -> str:
        return f"s3://{self.bucket}/{prefix or uuid.uuid4().hex[:12]}"

    def _spawn(self) -> Process:
        raise NotImplementedError

    def spawn(self) -> None:
        """Starts the process, on what an earlier one left, and does not wait for it to serve."""
        self.process = self._spawn()

    def start(self, timeout: float = 60.0) -> "S3Server":
        self.spawn()
        wait_until(self._create_bucket, f"{type(self).__name__} to serve", timeout)
        return self

    def _create_bucket(self) -> bool:
        self.process.check_alive()
        connection = http.client.HTTPConnection(self.address, timeout=10)
        path = f"/{self.bucket}"
        try:
            connection.request("PUT", path, headers=signed_headers("PUT", self.address, path))
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except OSError:
            return False
        finally:
            connection.close()
        if answer.status in (200, 409):
            return True
        if answer.status == 503:
            return False
        raise Failed(f"creating a bucket was answered {answer.status}: {text[:500]}")

    def stop(self) -> None:
        if self.process:
            self.process.stop()

    def __enter__(self) -> "S3Server":
        return self.start()

    def __exit__(self, *_exception) -> None:
        self.stop()


class Ministack(S3Server):
    """Keeps everything in memory."""

    def _spawn(self) -> Process:
        python = TOOLS["ministack"].ensure() / "bin/python"
        env = {
            "BIND_HOST": LOOPBACK,
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AWS_ACCESS_KEY_ID": USER,
            "AWS_SECRET_ACCESS_KEY": PASSWORD,
        }
        return Process([python, "-m", "ministack"], self.directory / "ministack.log", env=env,
                       cwd=self.directory)


class Minio(S3Server):
    """Keeps its objects below `directory`."""

    def _spawn(self) -> Process:
        binary = TOOLS["minio"].ensure() / "minio"
        env = {
            "MINIO_ROOT_USER": USER,
            "MINIO_ROOT_PASSWORD": PASSWORD,
            "MINIO_REGION": REGION,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        }
        command = [binary, "server", "--quiet", "--address", self.address,
                   "--console-address", f"{LOOPBACK}:{self.spare_port}", self.directory / "data"]
        return Process(command, self.directory / "minio.log", env=env)


SERVERS = {"s3": Ministack, "minio": Minio}
