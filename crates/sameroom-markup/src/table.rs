//! A table as the code block that shows it.
