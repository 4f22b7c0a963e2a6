"""The same summary for the logs of many machines: an engine counts, and only the findings of the table are read one by one."""

from __future__ import annotations

from ..audit.kinds import REFUSALS
from ..errors import SHADOWED_NAME, cut
from ..logs.concerns import MAX_APART, Count, Stray
from ..logs.fleet import Events
from .entry import MAX_LINE, MAX_NAME, TIME, find_group, read_time
from .summary import MAX_SHADOW_HOSTS, PLACES, Summary, Tally

_IS_FINDING = "finding_group IS NOT NULL"
_IS_SHADOW = f"{_IS_FINDING} AND code = '{SHADOWED_NAME}' AND name <> ''"


def summarise(events: Events, rows: int) -> Summary:
    """Return the summary of a table of events.

    :param rows: how many findings the table of the page holds at most, the newest.
    :raises LogError: the engine cannot.
    """
    summary = Summary(rows)
    _add_groups(events)
    _count(summary, events)
    _count_by_time(summary, events)
    _add_shadows(summary, events)
    _add_concerns(summary, events)
    _add_newest(summary, events)
    return summary


def _add_groups(events: Events) -> None:
    """Let the engine know which events are findings, and of which group; and which times are times."""
    kinds = events.ask("SELECT DISTINCT event, code FROM events")
    known = [(kind, code, find_group({"event": kind, "code": code})) for kind, code in kinds]
    events.ask("CREATE TABLE kinds (event VARCHAR, code VARCHAR, finding_group VARCHAR)")
    for kind in known:
        events.ask("INSERT INTO kinds VALUES (?, ?, ?)", kind)
    events.ask(
        f"""
        CREATE VIEW found AS
            SELECT events.* REPLACE (if(regexp_full_match(time, '{TIME.pattern}'), time, '') AS time), time AS written, finding_group
            FROM events JOIN kinds ON events.event = kinds.event AND events.code IS NOT DISTINCT FROM kinds.code
        """  # noqa: S608  # our own words
    )


def _count(summary: Summary, events: Events) -> None:
    first, last, summary.events, summary.findings = events.ask(
        f"SELECT min(nullif(time, '')), max(time), count(*), count(*) FILTER ({_IS_FINDING}) FROM found"  # noqa: S608  # our own words
    )[0]
    summary.first, summary.last = first or "", last or ""
    for group, number in events.ask("SELECT finding_group, count(*) FROM found GROUP BY ALL"):
        if group is not None:
            summary.groups[group] = number
    for kind, number in events.ask("SELECT event, sum(1) FROM found WHERE finding_group IS NULL GROUP BY ALL"):
        summary.kinds[cut(kind, MAX_NAME)] += int(number)
    _fill(summary.hosts, events, "host", "true")
    _fill(summary.users, events, "user", "true")
    _fill(summary.runs, events, "run", "true")
    _fill(summary.codes, events, "code", _IS_FINDING)
    _fill(summary.names, events, "name", _IS_FINDING)
    _fill(summary.indexes, events, "index_asked", _IS_FINDING, MAX_LINE)
    _fill(summary.machines, events, "host", _IS_FINDING)
    _fill(summary.runs_with_findings, events, "run", _IS_FINDING)


def _fill(tally: Tally, events: Events, column: str, condition: str, limit: int = MAX_NAME) -> None:
    """Count the values of a column; of very many those that are most frequent."""
    query = f"""
        SELECT "{column}", count(*) FROM found WHERE {condition} AND "{column}" <> ''
        GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT {tally.limit + 1}
    """  # noqa: S608  # our own words
    for value, number in events.ask(query):
        tally.add(cut(value, limit), number)


def _count_by_time(summary: Summary, events: Events) -> None:
    query = f"SELECT time[:16], finding_group, count(*) FROM found WHERE {_IS_FINDING} GROUP BY ALL ORDER BY ALL"  # noqa: S608  # our own words
    for minute, group, number in events.ask(query):
        if not (minute and summary.timeline.add(minute, PLACES[group], number)):
            summary.undated += number


def _add_shadows(summary: Summary, events: Events) -> None:
    query = f"""
        SELECT name, index_asked, index_answered, rule.indexes, versions[1],
            count(*), count(*) FILTER (finding_group = 'observed'), min(nullif(time, '')), max(time)
        FROM found WHERE {_IS_SHADOW} GROUP BY ALL ORDER BY max(time) DESC, name, index_asked, index_answered, 4, 5
    """  # noqa: S608  # our own words
    for name, asked, answered, owners, version, number, observed, first, last in events.ask(query):
        shadow = summary.shadow_of(cut(name, MAX_NAME))
        if shadow is not None:
            told = {
                "index_asked": asked,
                "index_answered": answered,
                "rule": {"indexes": owners},
                "versions": [version],
            }
            shadow.add(told, number, observed, (first or "", last))
    query = f"""
        SELECT name, host, count(*) FROM found WHERE {_IS_SHADOW} AND host <> '' GROUP BY name, host
        QUALIFY row_number() OVER (PARTITION BY name ORDER BY count(*) DESC, host) <= {MAX_SHADOW_HOSTS + 1}
        ORDER BY ALL
    """  # noqa: S608  # our own words
    for name, host, number in events.ask(query):
        shadow = summary.shadows.get(cut(name, MAX_NAME))
        if shadow is not None:
            shadow.hosts.add(cut(host, MAX_NAME), number)


def _add_concerns(summary: Summary, events: Events) -> None:
    concerns = summary.concerns
    query = f"""
        SELECT coalesce(host, ''), state, count(*), min(written), max(written) FROM found
        WHERE state IS NOT NULL GROUP BY ALL ORDER BY ALL LIMIT {MAX_APART}
    """  # noqa: S608  # our own words
    for host, state, *counted in events.ask(query):
        concerns.add_machine(host, state, Count(*counted))
    query = f"""
        SELECT coalesce(name, ''), stray_version, stray_index, count(*), min(written), max(written) FROM found
        WHERE stray_index IS NOT NULL GROUP BY ALL ORDER BY ALL LIMIT {MAX_APART}
    """  # noqa: S608  # our own words
    for name, version, index, *counted in events.ask(query):
        concerns.add_stray(Stray(name, version, index), Count(*counted))
    kinds = ", ".join(f"'{kind}'" for kind in REFUSALS)
    query = f"""
        SELECT coalesce(name, ''), count(DISTINCT concat_ws(chr(10), host, root)) FROM found
        WHERE event IN ({kinds}) GROUP BY ALL
    """  # noqa: S608  # our own words
    for name, refused in events.ask(query):
        concerns.refusals[name] += refused


def _add_newest(summary: Summary, events: Events) -> None:
    query = f"""
        SELECT written AS time, run, seq, filename FROM found WHERE {_IS_FINDING} ORDER BY found.time DESC LIMIT {summary.rows}
    """  # noqa: S608  # our own words
    for event in events.read_whole(query):
        group = find_group(event)
        if group is not None:
            summary.keep(event, group, read_time(event))
