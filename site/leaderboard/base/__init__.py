"""What every room of the site uses: text and worker processes."""
