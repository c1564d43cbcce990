package httpapi

// ReadImport is readImport, for its fuzz target.
var ReadImport = readImport

// Routes returns the methods of all routes by their patterns, and which of them are public.
func Routes() (byPattern map[string][]string, public map[string]bool) {
	byPattern, public = map[string][]string{}, map[string]bool{}
	for _, r := range routes {
		for method := range r.methods {
			byPattern[base+r.path] = append(byPattern[base+r.path], method)
		}
		public[base+r.path] = r.public
	}
	return byPattern, public
}
