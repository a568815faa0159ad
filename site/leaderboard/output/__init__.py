"""Pages, downloads and files, written to a folder."""
