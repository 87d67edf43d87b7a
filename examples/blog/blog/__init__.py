"""A small publishing application: people write articles and pages, readers comment, files are attached."""
