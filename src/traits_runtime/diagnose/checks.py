"""The table of checks of `traits diagnose`; the help and the documentation page of an id are generated from it."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

Level: TypeAlias = Literal["error", "warning", "info"]

Fixing: TypeAlias = Literal["", "safe", "unsafe"]
"""Whether `--fix` does it, `--unsafe-fixes` does it, or a person has to."""

LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "info")
"""Worst first."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be wrong.

    Args:
        id: ``TRT201``; the hundreds say where it lies: sources, config, database, the running parts.
        name: A word for it, ``unknown-key``.
        level: How bad it is.
        title: What is wrong, in one line.
        why: Why it matters.
        hint: The way out.
        fixing: Whether a command can do it.
        bad: What provokes it.
        good: The same put right.
    """

    id: str
    name: str
    level: Level
    title: str
    why: str
    hint: str
    fixing: Fixing = ""
    bad: str = ""
    good: str = ""


_ALL = (
    Check(
        id="TRT101", name="unresolved-base", level="warning",
        title="A base class is not known.",
        why="What it brings to the model is missing from everything that is said about the model.",
        hint="Put the folder that holds it on the search path, or name what it stands for under base-overrides.",
        bad="from nowhere import Base\n\nclass Article(HasSlug, Base): ...",
        good='[tool.traits.base-overrides]\n"nowhere.Base" = "shop.db.Base"',
    ),
    Check(
        id="TRT102", name="impossible-mro", level="error",
        title="A class cannot be created: its bases contradict each other.",
        why="Python raises TypeError when the module is imported.",
        hint="Put the more special base in front of the more general one.",
        bad="class Article(Base, HasSlug, SluggedBase): ...  # SluggedBase inherits HasSlug",
        good="class Article(SluggedBase, HasSlug, Base): ...",
    ),
    Check(
        id="TRT103", name="unreadable-module", level="warning",
        title="A module cannot be read.",
        why="Its models and traits are missing from everything.",
        hint="Correct it, or leave it out with exclude.",
        bad="def broken(:",
        good="def broken(): ...",
    ),
    Check(
        id="TRT104", name="event-never-heard", level="info",
        title="Nobody listens to an event.",
        why="Either a listener is missing, or the event is not needed.",
        hint="Listen to it, or leave it for those who use the trait.",
        bad="archived = TraitEvent()  # and no @listen that matches",
        good='@listen("trait.HasArchive.archived")\ndef tidy(envelope): ...',
    ),
    Check(
        id="TRT105", name="dead-listener", level="warning",
        title="A listener's pattern fits no event.",
        why="It never runs; mostly the event was renamed.",
        hint="Compare the pattern with `traits events`.",
        bad='@listen("trait.HasSlug.slug_made")  # it is slug_generated',
        good='@listen("trait.HasSlug.slug_generated")',
    ),
    Check(
        id="TRT106", name="event-never-emitted", level="info",
        title="An event is declared and never emitted.",
        why="Whoever listens to it waits in vain.",
        hint="Emit it, or drop the declaration.",
        bad="archived = TraitEvent()  # and no self.archived()",
        good="def archive(self):\n    self.archived()",
    ),
    Check(
        id="TRT107", name="undeclared-event", level="warning",
        title="An event is emitted that no trait declares.",
        why="At run time UnknownEventError is raised, and nobody can look it up.",
        hint="Declare it with TraitEvent, or correct the name.",
        bad='self.emit("trait.HasSlug.slug_made")',
        good="slug_made = TraitEvent()",
    ),
    Check(
        id="TRT108", name="broken-super-chain", level="warning",
        title="A trait's method does not call super(), and the next trait's never runs.",
        why="The other trait's behaviour is lost for models that use both.",
        hint="Call super() in it, or put the other trait in front.",
        bad="def delete(self):\n    self.deleted_at = now()",
        good="def delete(self):\n    self.deleted_at = now()\n    super().delete()",
    ),
    Check(
        id="TRT109", name="column-clash", level="warning",
        title="Two traits of a model declare the same column.",
        why="The first one in the MRO wins; the other trait writes into a column that it did not mean.",
        hint="Rename one of them, or declare the column on the model.",
        bad="class HasA(Trait):\n    state = column(str)\n\nclass HasB(Trait):\n    state = column(int)",
        good="class HasB(Trait):\n    b_state = column(int)",
    ),
    Check(
        id="TRT110", name="shared-variable", level="warning",
        title="One environment variable sets two keys.",
        why="Changing it for one changes the other.",
        hint="Give each key a variable of its own.",
        bad='low: int = option(3, env="LIMIT")\nhigh: int = option(9, env="LIMIT")',
        good='low: int = option(3, env="LOW")\nhigh: int = option(9, env="HIGH")',
    ),
    Check(
        id="TRT111", name="shared-name", level="warning",
        title="Two classes of one name have an event or a job of one name.",
        why="Events and jobs travel as `trait.Class.name`, without the module: listeners hear both events, and a "
        "worker runs the job of the class that was defined last.",
        hint="Give one of the two classes, or its event or job, a name of its own.",
        bad="# shop/a.py\nclass HasSearch(Trait):\n    @job()\n    def reindex(self): ...\n"
        "# shop/b.py\nclass HasSearch(Trait):\n    @job()\n    def reindex(self): ...",
        good="# shop/b.py\nclass HasRemoteSearch(Trait):\n    @job()\n    def reindex(self): ...",
    ),
    Check(
        id="TRT112", name="shared-rows", level="warning",
        title="Two models of one name have a trait that keeps rows about all models in one table.",
        why="Comments, tags, the log and the search know a model by its name without the module: an article of the "
        "shop shows the comments of the blog's article with the same key.",
        hint="Give one of the two models a name of its own.",
        bad="# blog.py\nclass Article(HasComments, Base): ...\n# shop.py\nclass Article(HasComments, Base): ...",
        good="# shop.py\nclass ShopArticle(HasComments, Base): ...",
    ),
    Check(
        id="TRT201", name="unknown-key", level="warning", fixing="unsafe",
        title="A file or the store gives a value to something that nothing declares.",
        why="The value has no effect; mostly a name is misspelt, or the key was dropped.",
        hint="Correct the name. `--unsafe-fixes` removes the value.",
        bad="[tool.traits.config.HasSlug]\nmax_lenght = 60",
        good="[tool.traits.config.HasSlug]\nmax_length = 60",
    ),
    Check(
        id="TRT202", name="value-refused", level="error", fixing="safe",
        title="A value that its key does not take.",
        why="It has no effect: the next weaker layer's value holds.",
        hint="Give a value of the key's type and range. `--fix` removes the one that has no effect.",
        bad='[tool.traits.config.HasSlug]\nmax_length = "long"',
        good="[tool.traits.config.HasSlug]\nmax_length = 60",
    ),
    Check(
        id="TRT203", name="override-hides-nothing", level="info", fixing="safe",
        title="An override says what holds without it.",
        why="It is noise now, and it will hide the next change of the default.",
        hint="Drop it. `--fix` does it for files and the store.",
        bad="[tool.traits.config.HasSlug]\nmax_length = 80  # the default",
        good="[tool.traits.config.HasSlug]",
    ),
    Check(
        id="TRT204", name="required-key", level="error",
        title="A required key has no value.",
        why="Reading it raises MissingConfigValueError, often long after the start.",
        hint="Give it a value in a file, its variable, or the store.",
        bad='region: str = option(doc="Where the data lies.")',
        good='[tool.traits.config.HasStore]\nregion = "eu"',
    ),
    Check(
        id="TRT205", name="deprecated-key", level="warning",
        title="A deprecated key is set.",
        why="It will be gone in a later version of the trait.",
        hint="Do what the deprecation says.",
        bad='[tool.traits.config.Publishable]\nnotify_queue = "mail"  # deprecated',
        good='@job(queue="mail")',
    ),
    Check(
        id="TRT206", name="locked-key", level="warning", fixing="safe",
        title="A locked key is set by its variable and by another layer too.",
        why="The variable wins always; the other value has no effect and misleads.",
        hint="Change the variable. `--fix` removes the value that has no effect.",
        bad='[tool.traits.config.HasStore]\nregion = "us"  # and $STORE_REGION is set',
        good='$ export STORE_REGION=us',
    ),
    Check(
        id="TRT301", name="missing-table", level="error", fixing="safe",
        title="The table of a model does not exist, or one that a trait brings.",
        why="The first query fails; of the tables of a log, of tags, old slugs or a search index, the first flush.",
        hint="Run the migrations. `--fix` creates it where no migration tool is in use. A search index is made empty: "
        "`reindex(session, Model)` fills it.",
        bad="class Article(HasSlug, Base):\n    __tablename__ = 'articles'  -- and no such table",
        good="CREATE TABLE articles (...)",
    ),
    Check(
        id="TRT302", name="missing-column", level="error", fixing="safe",
        title="A column that a model needs is missing from its table.",
        why="The first query of the model fails.",
        hint="Write a migration. `--fix` adds it where it may be empty and no migration tool is in use.",
        bad="class Article(HasUserTracking, Base): ...  -- and the table has no created_by",
        good="ALTER TABLE articles ADD COLUMN created_by INTEGER",
    ),
    Check(
        id="TRT303", name="mistyped-column", level="error", fixing="unsafe",
        title="A column has another type than its model says.",
        why="Values are cut, refused or compared as something else.",
        hint="Write a migration. `--unsafe-fixes` changes the type where the database can.",
        bad="created_by = column(int)  -- and the table has TEXT",
        good="ALTER TABLE articles ALTER COLUMN created_by TYPE INTEGER USING created_by::integer",
    ),
    Check(
        id="TRT304", name="missing-index", level="warning", fixing="safe",
        title="An index that a model declares is missing.",
        why="What should be quick reads the whole table; a unique one lets duplicates in.",
        hint="Write a migration. `--fix` creates it where no migration tool is in use; a unique one is left to you, as "
        "rows that are there may have the same value.",
        bad="deleted_at = column(datetime, index=True)  -- and no index",
        good="CREATE INDEX ix_articles_deleted_at ON articles (deleted_at)",
    ),
    Check(
        id="TRT305", name="nullable-differs", level="warning", fixing="unsafe",
        title="A column may be empty where its model says otherwise, or the reverse.",
        why="Inserts fail, or rows appear that the code does not expect.",
        hint="Write a migration. `--unsafe-fixes` changes it where the database can.",
        bad="slug = column(str)  -- and the table allows NULL",
        good="ALTER TABLE articles ALTER COLUMN slug SET NOT NULL",
    ),
    Check(
        id="TRT306", name="unique-with-trash", level="warning",
        title="A unique constraint counts rows that are in the waste bin.",
        why="A deleted row keeps its slug or address: nobody can use it again, and restoring may fail.",
        hint="Make it a unique index on live rows alone: WHERE deleted_at IS NULL.",
        bad="class Article(HasSlug, SoftDeletes, Base): ...  -- UNIQUE (slug)",
        good="CREATE UNIQUE INDEX uq_articles_slug ON articles (slug) WHERE deleted_at IS NULL",
    ),
    Check(
        id="TRT307", name="missing-tenant-column", level="error",
        title="A model belongs to tenants, and its table does not say which.",
        why="Its rows cannot be told apart: a query sees every tenant's.",
        hint="Add the column, or take the trait away from the model.",
        bad="class Order(BelongsToTenant, Base): ...  -- and the table has no tenant_id",
        good="ALTER TABLE orders ADD COLUMN tenant_id TEXT NOT NULL",
    ),
    Check(
        id="TRT401", name="cache-loses-writes", level="error",
        title="The cache does not give back what was written, or still gives back what was forgotten.",
        why="Values are computed again each time, or stale ones are shown.",
        hint="Look at the backend: its memory limit, its eviction, its connection.",
        bad="a Redis server with maxmemory 0 left",
        good="maxmemory-policy allkeys-lru, and memory enough",
    ),
    Check(
        id="TRT402", name="relay-behind", level="warning",
        title="Jobs wait in the outbox longer than they should, or it cannot be asked.",
        why="No relay hands them to the engine, or too slowly; or its table is missing.",
        hint="Start `traits work`, or more of them; look at its log.",
        bad="the outbox holds due jobs, and no worker runs",
        good="$ traits work",
    ),
    Check(
        id="TRT403", name="job-without-trait", level="warning",
        title="Operations are written for a trait that no model uses, or for none.",
        why="queue_operation() finds them through the model's traits: these it never finds.",
        hint="Name the trait: class SearchJobs(TraitJob, trait=HasSearch).",
        bad="class SearchJobs(TraitJob):\n    def process_reindex(self, model): ...",
        good="class SearchJobs(TraitJob, trait=HasSearch):\n    def process_reindex(self, model): ...",
    ),
    Check(
        id="TRT404", name="dead-letters", level="warning",
        title="Jobs have failed for good.",
        why="What they should have done was not done.",
        hint="See `traits jobs list --dead`; then `traits jobs retry ID` or `traits jobs drop ID`.",
        bad="a job that raised in its last attempt",
        good="$ traits jobs retry ID",
    ),
)  # fmt: skip

CHECKS: Final[dict[str, Check]] = {check.id: check for check in _ALL}
"""All of them by id."""

PAGE: Final = "reference/diagnose/{}.html"
"""Where the page of an id lies in the documentation."""


def page_of(check: Check) -> str:
    """The page of an id, as Markdown."""
    fixing = {"safe": "by `traits diagnose --fix`", "unsafe": "by `traits diagnose --unsafe-fixes`", "": "by hand"}
    lines = [
        f"# {check.id}: {check.name}", "",
        check.title, "",
        f"**Level** {check.level}. **Fixed** {fixing[check.fixing]}.", "",
        "## Why it matters", "", check.why, "",
        "## What to do", "", check.hint, "",
        "## Example", "", "Found in:", "", *_block(check.bad), "",
        "Put right:", "", *_block(check.good),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def explain(check: Check) -> str:
    """The same for a terminal."""
    page = page_of(check).replace("**", "").replace("```text\n", "").replace("```\n", "")
    return "\n".join(line.lstrip("# ") if line.startswith("#") else line for line in page.splitlines())


def _block(text: str) -> list[str]:
    return ["```text", *text.splitlines(), "```"]
