"""Download and prepare a TFDS set, in a process of its own: `python -P prepare.py NAME DATA_DIR`.

TFDS needs TensorFlow to prepare a set (5 s to import, and threads and memory of its own) but not to read one, so
TensorFlow never enters the process that trains. The last line of standard output is a JSON object: `status` is
"prepared", "offline" or "failed", and `reason` says why. It is run by path and with -P, so that neither minjax nor JAX
is imported and the files beside this one shadow nothing.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import traceback
import urllib.parse
import warnings
from typing import Any


def prepare(name: str, data_dir: str) -> dict[str, str]:
    """Prepare the set `name` below `data_dir` in array_record format, downloading it if necessary.

    Returns:
        `status` and `reason` (see the module's docstring); never raises.
    """
    try:
        import tensorflow_datasets as tfds

        if not sys.stderr.isatty():
            tfds.disable_progress_bar()
        builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
        manual = os.path.join(data_dir, "downloads", "manual")
        # The set's own folder first: MNIST and its look-alikes use the same names for their archives.
        own = os.path.join(manual, builder.name)
        manual = own if os.path.isdir(own) else manual
        reason = unreachable(builder, manual)
        if reason:
            return {"status": "offline", "reason": reason}
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual))
        return {"status": "prepared", "reason": ""}
    except Exception as error:
        traceback.print_exc()
        return {"status": _status(error), "reason": f"{type(error).__name__}: {error}"}


def unreachable(builder: Any, manual: str) -> str:
    """Why nothing that `builder` still has to download can be reached; empty if something can or nothing is missing.

    TFDS itself would retry each address ten times, which takes minutes.

    Args:
        builder: the set's builder.
        manual: the directory with files that the user has downloaded.
    """
    import requests

    missing = [
        url
        for url, info in (builder.url_infos or {}).items()
        if not (info.filename and os.path.exists(os.path.join(manual, info.filename)))
        and not _downloaded(builder, url, info)
    ]
    hosts = {urllib.parse.urlsplit(url).netloc: url for url in missing}
    reason = ""
    for host, url in hosts.items():
        try:
            requests.head(url, timeout=15)
            return ""
        except requests.exceptions.ConnectionError:
            reason = f"{host} cannot be reached"
        except requests.exceptions.RequestException:
            return ""  # it answers; if something is wrong, TFDS will say so
    return reason


def _downloaded(builder: Any, url: str, info: Any) -> bool:
    from tensorflow_datasets.core.download import resource

    downloads = os.path.join(str(builder.data_dir_root), "downloads")
    file = resource.get_dl_fname(url, info.checksum)
    folders = (downloads, os.path.join(downloads, builder.name))
    return any(os.path.exists(os.path.join(folder, f"{file}.INFO")) for folder in folders)  # written after the file


def _status(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, socket.gaierror | ConnectionError) or "ConnectionError" in type(error).__name__:
            return "offline"
        error = error.__cause__ or error.__context__
    return "failed"


def main() -> None:
    """Prepare the set that the command line names and print the outcome."""
    answer = os.dup(1)
    os.dup2(2, 1)  # TFDS prints to standard output, which is reserved for the answer
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # TensorFlow would take memory that training needs
    warnings.simplefilter("ignore")  # from TFDS and TensorFlow; nobody here can act on them
    outcome = prepare(*sys.argv[1:])
    with os.fdopen(answer, "w") as file:
        file.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main()
