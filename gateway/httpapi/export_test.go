package httpapi

// ReadImport is readImport, for its fuzz target.
var ReadImport = readImport
