package gateway

import (
	"context"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/catalog"
	"seagate/protocol"
	"seagate/schema"
	"seagate/streams"
	"seagate/streams/peer"
)

// A ServiceView is a service with its servers, its definition, or both.
type ServiceView struct {
	peer.Service
	History *schema.History // nil if nobody defined it
}

func serviceID(p *auth.Principal, service string) streams.ID {
	return streams.ID{Space: p.JailUID, Name: service}
}

// DefineService makes or replaces the definition of a service, durably. The outcome's
// definition is the one in force afterwards. Calls under way keep the definition that
// they began with.
func (g *Gateway) DefineService(ctx context.Context, p *auth.Principal, service string, definition []byte) (outcome schema.Outcome, err error) {
	err = g.compiling(ctx, "define the service", p, definition, func() error {
		def, err := g.readService(p, service, definition)
		if err != nil {
			return err
		}
		outcome, err = g.define(ctx, p, definitionOf{g.Catalog.Services, "service", "service defined", "define the service"}, serviceID(p, service), def)
		return err
	})
	return outcome, err
}

// PlanDefineService says what DefineService would do, and changes nothing. It takes as much work as
// a change, and counts as one.
func (g *Gateway) PlanDefineService(ctx context.Context, p *auth.Principal, service string, definition []byte) (outcome schema.Outcome, err error) {
	err = g.compiling(ctx, "define the service", p, definition, func() error {
		def, err := g.readService(p, service, definition)
		if err == nil {
			err = g.spendChange(p)
		}
		if err != nil {
			return err
		}
		outcome, err = g.Catalog.Services.Plan(serviceID(p, service), def)
		return attempted("define the service", err)
	})
	return outcome, err
}

func (g *Gateway) readService(p *auth.Principal, service string, definition []byte) (*schema.Definition, error) {
	if err := g.authorize(p, auth.DefineServices, service); err != nil {
		return nil, err
	}
	if err := protocol.CheckServiceName(service); err != nil {
		return nil, err
	}
	def, err := schema.ParseService(definition, service, g.settings.Schema, checkProcedure)
	return def, g.definitionRefusal(err)
}

// checkProcedure is protocol.CheckProcedureName without the code.
func checkProcedure(name string) error {
	err := protocol.CheckProcedureName(name)
	if refusal := (*protocol.Error)(nil); errors.As(err, &refusal) {
		return errors.New(refusal.Message)
	}
	return err
}

// DeleteServiceDefinition deletes all versions of a service's definition, durably. Its
// servers stay, and its calls are not checked any more.
func (g *Gateway) DeleteServiceDefinition(ctx context.Context, p *auth.Principal, service string) error {
	if err := g.manage(p, auth.DefineServices, service); err != nil {
		return err
	}
	err := change(p, func() error { return g.Catalog.Services.Delete(ctx, serviceID(p, service)) })
	if errors.Is(err, catalog.ErrNotFound) {
		return protocol.Errorf(protocol.CodeNoSuchService, "the service %q is not defined", service)
	}
	if err != nil {
		return attempted("delete the definition of the service", err)
	}
	g.audit(p, "service definition deleted", service)
	return nil
}

// ListServices returns at most limit services of the principal's jail, those that have
// servers and those that are defined, in the order of their names, from the first name
// higher than after. more reports whether others follow.
func (g *Gateway) ListServices(p *auth.Principal, after string, limit int) (list []ServiceView, more bool, err error) {
	if err := g.look(p, auth.ListServices, ""); err != nil {
		return nil, false, err
	}
	return describable(p, after, limit, func(s ServiceView) string { return s.Name },
		func(after string) ([]ServiceView, bool, error) { return g.allServices(p, after, limit) })
}

// describable returns at most limit of the services that p may describe. It reads pages of all
// services until it has enough. more may be true although nothing follows.
func describable[T any](p *auth.Principal, after string, limit int, name func(T) string,
	page func(after string) ([]T, bool, error)) (list []T, more bool, err error) {
	for more = true; more && len(list) < limit; {
		var all []T
		if all, more, err = page(after); err != nil {
			return nil, false, err
		}
		for i, one := range all {
			after = name(one)
			if p.May(auth.DescribeService, after) != nil {
				continue
			}
			if list = append(list, one); len(list) == limit {
				return list, more || i < len(all)-1, nil
			}
		}
	}
	return list, more, nil
}

// allServices is ListServices with those that the principal may not describe.
func (g *Gateway) allServices(p *auth.Principal, after string, limit int) (list []ServiceView, more bool, err error) {
	s := g.JoinServices(p)
	defer s.Close()
	served, more, err := s.link.List(context.Background(), after, limit)
	if err != nil {
		return nil, false, attempted("list the services", err)
	}
	defined := g.Catalog.Services.List(p.JailUID, after, limit+1)
	for len(served) > 0 || len(defined) > 0 {
		if len(list) == limit {
			return list, true, nil
		}
		var one ServiceView
		order := mergeOrder(served, defined)
		if order <= 0 {
			one.Service, served = served[0], served[1:]
		}
		if order >= 0 {
			one.Name, one.History, defined = defined[0].Name(), defined[0].History(), defined[1:]
		}
		list = append(list, one)
	}
	return list, more, nil
}

// mergeOrder is negative if the first of served comes first, positive if the first of
// defined does, and 0 if they are the same service.
func mergeOrder(served []peer.Service, defined []*catalog.Service) int {
	switch {
	case len(defined) == 0:
		return -1
	case len(served) == 0:
		return 1
	}
	return strings.Compare(served[0].Name, defined[0].Name())
}

// Service returns a service of the principal's jail.
func (g *Gateway) Service(p *auth.Principal, name string) (ServiceView, error) {
	if err := g.authorize(p, auth.DescribeService, name); err != nil {
		return ServiceView{}, err
	}
	s := g.JoinServices(p)
	defer s.Close()
	view := ServiceView{History: g.Catalog.Services.Lookup(serviceID(p, name)).History()}
	var err error
	view.Service, err = s.link.Service(context.Background(), name)
	if view.History != nil && errors.Is(err, peer.ErrNoSuchService) {
		view.Name, err = name, nil
	}
	return view, g.callError(name, "", err)
}

// ServiceVersion returns one of the definitions that the service has had. The version is
// compared part by part: 1 finds "1.0.0". "" is the one in force.
func (g *Gateway) ServiceVersion(p *auth.Principal, service, version string) (*schema.Definition, error) {
	if err := g.authorize(p, auth.DescribeService, service); err != nil {
		return nil, err
	}
	history := g.Catalog.Services.Lookup(serviceID(p, service)).History()
	if history == nil {
		return nil, protocol.Errorf(protocol.CodeNoSuchService, "the service %q is not defined", service)
	}
	if version == "" {
		return history.Current().Definition, nil
	}
	v, err := schema.ParseVersionText(version)
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "%q is not a version: %s", version, plain(err))
	}
	if def := history.Version(v); def != nil {
		return def, nil
	}
	return nil, protocol.Errorf(protocol.CodeVersionNotFound, "the service %q has no version %s", service, version)
}

// checkCall returns the compact body of a call or signal that may be made, and what the
// service is defined as, or nil.
func (s *Services) checkCall(service, procedure string, body jsontext.Value) (jsontext.Value, *schema.Service, error) {
	defined := s.gateway.Catalog.Services.Lookup(serviceID(s.principal, service)).Current()
	if defined == nil {
		checked, err := s.gateway.checkBody(body)
		return checked, nil, err
	}
	if !defined.Has(procedure) {
		return nil, nil, protocol.Errorf(protocol.CodeNoSuchProcedure,
			"version %s of the service %q does not define the procedure %q", defined.Definition.Version, service, procedure)
	}
	budget := s.gateway.budget(s.principal.JailUID)
	checked, err := defined.CheckBody(&budget, procedure, body, s.gateway.settings.JSONDepth)
	return checked, defined, attempted("check the body", err)
}

// resultCheck returns the function that checks the result of a call, or nil.
func (g *Gateway) resultCheck(jail string, defined *schema.Service, procedure string) func([]byte) error {
	if defined == nil || !defined.ChecksResult(procedure) {
		return nil
	}
	return func(result []byte) error {
		budget := g.budget(jail)
		_, err := defined.CheckResult(&budget, procedure, result, g.settings.JSONDepth)
		return err
	}
}
