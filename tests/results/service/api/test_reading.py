"""What is listed costs what is answered, however large the results are."""

import tracemalloc

import pytest
from sqlalchemy import Engine, create_engine, event, insert

from results.service.orm import LogEntry, Submission

MEGABYTE = 10**6


@pytest.fixture
def add_results(client, tmp_path):
    """Puts results into the database of the running server, `findings` to each."""

    def add(number, envelope_bytes=1, findings=0):
        told = {"keyid": "k", "runner": "r", "chip": "c", "profile": "quick", "finished_at": ""}
        told |= {"received_at": "", "outcome": "accepted", "flags": [], "findings": [{}] * findings}
        rows = [
            {"at": at, "digest": f"{at:064x}", "payload_sha256": f"{at}", **told}
            for at in range(1, number + 1)
        ]
        engine = create_engine(f"sqlite:///{tmp_path / 'data/fenmark.db'}")
        with engine.begin() as connection:
            for row in rows:
                connection.execute(
                    insert(LogEntry).values(at=row["at"], record=b"", size=row["at"])
                )
                connection.execute(insert(Submission).values(envelope=bytes(envelope_bytes), **row))
        engine.dispose()

    return add


def test_a_list_of_large_results_does_not_read_them(client, add_results):
    add_results(60, envelope_bytes=MEGABYTE)
    tracemalloc.start()
    answer = client.get("/v1/results", params={"limit": 500})
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(answer.json()["results"]) == 60
    assert peak_bytes < 2 * MEGABYTE + len(answer.content)


def test_only_the_envelope_itself_reads_an_envelope(client, sealed):
    statements = []

    def note(_connection, _cursor, statement, *_):
        statements.append(statement)

    location = client.post("/v1/submissions", content=sealed()).headers["location"]
    event.listen(Engine, "before_cursor_execute", note)
    try:
        client.get("/v1/results")
        client.get(location)
        assert statements
        assert not any("envelope" in statement for statement in statements)
        client.get(f"{location}/envelope")
        assert "envelope" in statements[-1]
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_page_ends_early_where_results_have_thousands_of_findings(client, add_results):
    add_results(5, findings=2_000)
    pages, cursor = [], "0"
    while cursor:
        page = client.get("/v1/results", params={"limit": 500, "cursor": cursor}).json()
        pages.append([row["index"] for row in page["results"]])
        cursor = page["next"]
    assert pages == [[1, 2, 3], [4, 5]]
