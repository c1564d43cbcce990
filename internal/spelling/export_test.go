package spelling

// Distance is distance for names that are not folded.
func Distance(a, b string, limit int) int { return distance(Fold(a), Fold(b), limit) }
