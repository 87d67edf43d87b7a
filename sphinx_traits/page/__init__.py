"""What a page says: elements, one file a section, and writers to HTML, Markdown, terminal and JSON."""
