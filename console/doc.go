// Package console serves the web console: plain ES modules and CSS, embedded in the
// binary and sent as they are. The pages hold no data and no rights of their own.
// Whatever they show or change goes through the public API below ../api/v1, with the
// credentials that somebody types into the page.
//
// The files are the same for everybody, so they need no authentication. Their
// Content-Security-Policy lets them load from, and connect to, their own origin only.
//
// assets/app.js says how a screen is added.
package console
