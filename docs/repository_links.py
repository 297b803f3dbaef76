"""A preprocessor of mdBook: links that lead out of docs/ lead to the repository, which the site does not hold."""

import json
import pathlib
import posixpath
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).parent.parent
LINK = re.compile(r"\]\((?!\w+:|#)([^)\s]+)\)")


def rewrite(chapter, repository):
    folder = posixpath.join("docs", posixpath.dirname(chapter["path"] or ""))

    def link(match):
        path, hash_, anchor = match[1].partition("#")
        target = posixpath.normpath(posixpath.join(folder, path))
        if not path or target.startswith("docs/"):
            return match[0]
        return f"]({repository}/tree/main/{target}{hash_}{anchor})"

    chapter["content"] = LINK.sub(link, chapter["content"])
    for item in chapter["sub_items"]:
        if "Chapter" in item:
            rewrite(item["Chapter"], repository)


if sys.argv[1:2] == ["supports"]:
    sys.exit(0)
_, book = json.load(sys.stdin)
manifest = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
for item in book.get("items", book.get("sections", [])):
    if isinstance(item, dict) and "Chapter" in item:
        rewrite(item["Chapter"], manifest["workspace"]["package"]["repository"])
json.dump(book, sys.stdout)
