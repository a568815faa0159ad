"""What every suite uses: errors, files, child processes, records, statistics."""
