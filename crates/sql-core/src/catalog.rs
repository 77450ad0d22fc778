//! What the server's schema says about names: views, triggers, foreign keys, routines, engines.
