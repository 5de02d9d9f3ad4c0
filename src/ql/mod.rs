//! SeedQL: text to requests.
