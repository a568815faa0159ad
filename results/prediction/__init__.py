"""What a chip nobody measured would do: kernel sums, a shrunk fit of their terms, and widths."""
