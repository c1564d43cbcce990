// Icons as strokes in a box of 24. They are decoration: the text beside them says the same.
import { svg } from "./dom.js";

const paths = {
  home: "M4 11.5 12 5l8 6.500M6 10v9h12v-9M10 19v-5h4v5",
  streams: "M3 7c3 0 3 3 6 3s3-3 6-3 3 3 6 3M3 14c3 0 3 3 6 3s3-3 6-3 3 3 6 3",
  playground: "M9 3h6M10 3v6l-5 9a2 2 0 0 0 1.800 3h10.400a2 2 0 0 0 1.800-3l-5-9V3M7.500 15h9",
  connections: "M8 12h8M6 8a4 4 0 0 0 0 8h3M18 8a4 4 0 0 1 0 8h-3",
  services: "M4 5h16v5H4zM4 14h16v5H4zM7.500 7.500h.01M7.500 16.500h.01",
  network: "M12 4a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM5 16a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM19 16a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM11 8l-5 8M13 8l5 8M7 18h10",
  clients: "M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM3 20c0-3.300 2.700-5.500 6-5.500s6 2.200 6 5.500M16 4.500a3.500 3.500 0 0 1 0 6M18 14.800c1.900.8 3 2.700 3 5.200",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M14 5v4M8 15v4",
  logs: "M5 4h14v16H5zM8.500 8.500h7M8.500 12h7M8.500 15.500h4",
  api: "M8 7l-5 5 5 5M16 7l5 5-5 5M14 4l-4 16",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  menu: "M4 7h16M4 12h16M4 17h16",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  check: "M5 12.500 10 17.500 19.500 7",
  warning: "M12 4 2.500 20h19zM12 10v4.500M12 17.500h.01",
  error: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7.500v5.500M12 16.500h.01",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5.500M12 7.500h.01",
  play: "M7 5v14l11-7z",
  pause: "M8 5v14M16 5v14",
  stop: "M6.500 6.500h11v11h-11z",
  refresh: "M20 11a8 8 0 1 0-1.500 5.500M20 5v6h-6",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.500V5M12 19v2.500M2.500 12H5M19 12h2.500M5.300 5.300 7 7M17 17l1.700 1.700M18.700 5.300 17 7M7 17l-1.700 1.700",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z",
  logout: "M10 5H5v14h5M14 8l4 4-4 4M18 12H9",
  inbox: "M4 13 7 5h10l3 8v6H4zM4 13h5l1.500 2.500h3L15 13h5",
  send: "M4 12 20 4l-4.500 16-4-6.500zM11.500 13.500 20 4",
  down: "M6 9l6 6 6-6",
};

/** Returns an icon. @param {keyof typeof paths} name */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": 1.75, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" },
    svg("path", { d: paths[name] ?? paths.info }));
}
