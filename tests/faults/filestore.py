"""A secret store of its own for tests: a keyring backend as keyring documents them, its secrets in one JSON file.

Owns: the backend.
Rules: it is loaded by keyring itself, by its name in PYTHON_KEYRING_BACKEND, in the tool's own process; a file stands
where a platform's store would ask for a login.
Units: none.
Leaves: what is kept to pumprig.keys.
"""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class FileStore(KeyringBackend):
    """Secrets by (service, name) in the file that SECRETS_FILE names."""

    priority = 5  # type: ignore[assignment]

    def _all(self) -> dict[str, str]:
        path = Path(os.environ["SECRETS_FILE"])
        return json.loads(path.read_text()) if path.exists() else {}

    def _keep(self, secrets: dict[str, str]) -> None:
        Path(os.environ["SECRETS_FILE"]).write_text(json.dumps(secrets))

    def get_password(self, service: str, username: str) -> str | None:
        return self._all().get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._keep({**self._all(), f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        secrets = self._all()
        if secrets.pop(f"{service}/{username}", None) is None:
            raise PasswordDeleteError(username)
        self._keep(secrets)
