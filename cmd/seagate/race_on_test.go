//go:build race

package main_test

// raceDetector says that the tests run under the race detector; the binary
// then does, too.
const raceDetector = true
