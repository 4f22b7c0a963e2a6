"""Metadata of which no hash says anything is not read of a file that several indexes offer (`fast-deps`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from integration.harness.dists import Dist

from support.inpip_bench import Bench, Index

if TYPE_CHECKING:
    from integration.harness.loopback import Answer, Handler

GOOD = Dist("shared", "1.0", "both", more=(("filler.txt", "x" * 20_000),))
BAD = Dist("shared", "1.0", "both", requires=("evil",), more=(("filler.txt", "x" * 20_000),))
EVIL = Dist("evil", "1.0", "public")


class InParts(Index):
    """Serves a file that was changed in parts, and as a whole as it was."""

    def reply(self, request: Handler) -> Answer:
        """Answer a range of the one, or the other."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range") or "")
        if not request.path.startswith(f"/files/{BAD.filename}") or (request.command == "GET" and asked is None):
            return super().reply(request)
        self.asked.append(f"{request.path} in parts")
        headers = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if asked is None:
            return 200, headers, BAD.content
        first, last = int(asked[1]), int(asked[2] or len(BAD.content) - 1)
        return (
            206,
            {**headers, "Content-Range": f"bytes {first}-{last}/{len(BAD.content)}"},
            BAD.content[first : last + 1],
        )


@pytest.mark.parametrize("order", [1, -1])
def test_no_part_of_an_alike_file_is_believed(bench: Bench, order: int) -> None:
    with InParts() as public:
        bench.public = public
        for index in (bench.corp, public):
            index.publish(GOOD)
        public.publish(EVIL)
        urls = [bench.corp.url, public.url][::order]
        indexes = {"PIP_INDEX_URL": urls[0], "PIP_EXTRA_INDEX_URL": urls[1]}
        done = bench.install("--use-feature=fast-deps", "shared", **indexes)
        assert (done.code, done.origins) == (0, {"shared": "both"})
        assert not [path for path in public.asked if path.endswith("in parts")]


def test_parts_of_a_file_that_one_index_offers_are_read(bench: Bench) -> None:
    with InParts() as public:
        bench.public = public
        public.publish(BAD)
        public.publish(EVIL)
        done = bench.install("--use-feature=fast-deps", "shared")
        assert (done.code, set(done.origins)) == (0, {"shared", "evil"})
        assert [path for path in public.asked if path.endswith("in parts")]
