//! Named steps at which a drill kills the process.
