//! Blocked products, exact top-k, k-means: numbers in, numbers out.
