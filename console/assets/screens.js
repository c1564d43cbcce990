// The screens of the console, in the order of the navigation. See app.js for how one is added.

/**
 * @typedef {object} Screen
 * @property {string} path below #/; a segment that begins with a colon is a parameter
 * @property {string} [label] in the navigation; a screen without one is not in it
 * @property {any} [icon]
 * @property {string} [heading] above the screen in the navigation
 * @property {string} [under] the path of the screen that the navigation shows as current
 * @property {(session: import("./session.js").Session) => boolean} [may] whether the session may use it; others are not offered it
 * @property {() => Promise<{default: (view: import("./app.js").View) => any}>} load
 */

/** @type {Screen[]} */
export const screens = [
  { path: "", label: "Home", icon: "home", load: () => import("./screens/home.js") },
  { path: "streams", label: "Streams", icon: "streams", load: () => import("./screens/streams.js") },
  { path: "streams/:stream", under: "streams", load: () => import("./screens/stream.js") },
  { path: "streams/:stream/:tab", under: "streams", load: () => import("./screens/stream.js") },
  { path: "connections", label: "Connections", icon: "connections", heading: "Gateway", may: (s) => s.hasHttp, load: () => import("./screens/connections.js") },
  { path: "network", label: "Network", icon: "network", heading: "Gateway", may: (s) => s.hasHttp, load: () => import("./screens/network.js") },
  { path: "clients", label: "Clients", icon: "clients", heading: "Gateway", may: (s) => s.hasHttp && s.may("administer"), load: () => import("./screens/clients.js") },
  { path: "config", label: "Configuration", icon: "settings", heading: "Gateway", may: (s) => s.hasHttp && s.root && s.may("administer"), load: () => import("./screens/config.js") },
  { path: "logs", label: "Log", icon: "logs", heading: "Gateway", may: (s) => s.hasHttp && s.root && s.may("administer"), load: () => import("./screens/logs.js") },
  { path: "playground", label: "Playground", icon: "playground", heading: "Tools", may: (s) => s.hasHttp, load: () => import("./screens/playground.js") },
  { path: "api", label: "API", icon: "api", heading: "Tools", may: (s) => s.hasHttp, load: () => import("./screens/api.js") },
];
