// Package memory is a storage engine that keeps everything in the memory of
// the process and loses it with the process. It serves tests, and whoever asks
// for no durability: its writes are "durable" for as long as the engine lives.
package memory
