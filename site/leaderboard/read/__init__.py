"""Archives and reported files, read and kept between builds."""
