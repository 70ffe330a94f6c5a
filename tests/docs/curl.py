"""The little of curl that the pages use, for machines without it: -s, -X, -H, -d, -o, -w."""

import argparse
import sys
from pathlib import Path

import httpx2


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="body")
    parser.add_argument("-o", dest="file", type=Path)
    parser.add_argument("-w", dest="after", default="")
    asked = parser.parse_args()
    method = asked.method or ("GET" if asked.body is None else "POST")
    headers = dict(header.split(": ", 1) for header in asked.headers)
    answer = httpx2.request(method, asked.url, headers=headers, content=asked.body, timeout=60)
    if asked.file is None:
        sys.stdout.buffer.write(answer.content)
    else:
        asked.file.write_bytes(answer.content)
    sys.stdout.flush()
    after = asked.after.replace("%{http_code}", str(answer.status_code)).replace("\\n", "\n")
    where, to_stderr, rest = after.partition("%{stderr}")
    sys.stdout.write(where if to_stderr else after)
    sys.stdout.flush()
    sys.stderr.write(rest)


if __name__ == "__main__":
    main()
