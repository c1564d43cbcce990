package link

import (
	"cmp"
	"slices"
)

// A route is the cheapest way to a node.
type route struct {
	cost int
	path []string // nodes, without the first one; the last one is the node itself
}

// shortest returns the routes from a node to all that it can reach (Dijkstra). A
// link counts if both of its ends tell of it. Of routes of the same cost the
// first in the order of the nodes is taken, so the choice does not depend on
// what came first.
func shortest(from string, known map[string]*advert) map[string]route {
	routes := map[string]route{}
	open := map[string]route{from: {}}
	for len(open) > 0 {
		var node string
		for n, r := range open {
			if node == "" || compareRoutes(r, open[node]) < 0 {
				node = n
			}
		}
		r := open[node]
		delete(open, node)
		routes[node] = r
		a := known[node]
		if a == nil {
			continue
		}
		for next, cost := range a.neighbors {
			if _, done := routes[next]; done || !tellsOf(known[next], node) {
				continue
			}
			way := route{r.cost + cost, append(slices.Clip(r.path), next)}
			if old, ok := open[next]; !ok || compareRoutes(way, old) < 0 {
				open[next] = way
			}
		}
	}
	return routes
}

func tellsOf(a *advert, node string) bool {
	if a == nil {
		return false
	}
	_, ok := a.neighbors[node]
	return ok
}

func compareRoutes(a, b route) int {
	return cmp.Or(cmp.Compare(a.cost, b.cost), slices.Compare(a.path, b.path))
}

// nodesLocked returns the reachable nodes that offer something, the nearest
// first.
func (s *Switch) nodesLocked(t thing) (nodes []string) {
	for node, a := range s.known {
		offers := a.offers
		if node == s.node {
			offers = s.offers // also if nobody was told yet
		}
		if _, reachable := s.routes[node]; reachable && offers[t].count > 0 {
			nodes = append(nodes, node)
		}
	}
	slices.SortFunc(nodes, func(a, b string) int { return compareRoutes(s.routes[a], s.routes[b]) })
	return nodes
}

// A way is the links of a route.
type way struct {
	to    *Switch
	cost  int // sum over the links; the route may have an older one
	links []*Link
}

// open reports whether none of the links is closed.
func (w *way) open() bool {
	return !slices.ContainsFunc(w.links, func(l *Link) bool { return l.closed.Load() })
}

// way finds the links of a route. It returns false if one of them has been closed.
func (s *Switch) way(r route) (*way, bool) {
	w := &way{to: s}
	for _, next := range r.path {
		l := w.to.cheapestTo(next)
		if l == nil {
			return nil, false
		}
		w.links = append(w.links, l.link)
		w.cost += l.link.cost
		w.to = l.to
	}
	return w, true
}

func (s *Switch) cheapestTo(node string) (cheapest *end) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.links {
		if e.to.node == node && (cheapest == nil || e.link.cost < cheapest.link.cost) {
			cheapest = e
		}
	}
	return cheapest
}

// wayTo returns the present way to a node. It returns false if there is none.
func (s *Switch) wayTo(node string) (*way, bool) {
	s.mu.Lock()
	r, ok := s.routes[node]
	s.mu.Unlock()
	if !ok {
		return nil, false
	}
	return s.way(r)
}
