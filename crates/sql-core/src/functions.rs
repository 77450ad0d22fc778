//! Built-in functions whose result depends on their arguments alone.
