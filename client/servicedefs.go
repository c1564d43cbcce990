package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// serviceCall returns a request about one service.
func serviceCall(doing, method, service string, rest ...string) (request, error) {
	return callAbout(doing, method, "services", service, protocol.CheckServiceName, rest...)
}

// onService makes a call about one service.
func (c *Client) onService(ctx context.Context, doing, method, service string, body, answer any) error {
	r, err := serviceCall(doing, method, service)
	if err != nil {
		return err
	}
	r.body = body
	return c.do(ctx, r, answer)
}

// Service describes a service: its servers, and its definition with the versions that
// there are. If it has neither, the code is no_such_service.
func (c *Client) Service(ctx context.Context, service string) (ServiceInfo, error) {
	var info ServiceInfo
	err := c.onService(ctx, "look at the service", http.MethodGet, service, nil, &info)
	return info, err
}

// DefineService gives the service a definition, {"version", "procedures"}, where a
// procedure is {"name", "body", "result"}. From then on calls are checked. It returns the
// definition that is in force afterwards. The codes to expect are invalid_definition,
// version_conflict, version_too_old, too_many_versions and too_many_services.
func (c *Client) DefineService(ctx context.Context, service string, definition any) (jsontext.Value, error) {
	var inForce jsontext.Value
	err := c.onService(ctx, "define the service", http.MethodPut, service, definition, &inForce)
	return inForce, err
}

// PlanDefineService returns what DefineService would change, with the same errors, and
// does nothing.
func (c *Client) PlanDefineService(ctx context.Context, service string, definition any) (Plan, error) {
	r, err := serviceCall("plan to define the service", http.MethodPut, service)
	if err != nil {
		return Plan{}, err
	}
	r.query = url.Values{"dryRun": {"true"}}
	r.body = definition
	var plan Plan
	err = c.do(ctx, r, &plan)
	return plan, err
}

// ServiceVersion returns one of the definitions that the service has had. Versions are
// compared part by part, so 1 finds "1.0.0". The codes to expect are no_such_service and
// version_not_found.
func (c *Client) ServiceVersion(ctx context.Context, service, version string) (jsontext.Value, error) {
	r, err := serviceCall("describe a version of the service", http.MethodGet, service, "schemas", version)
	if err == nil {
		err = checkVersion(r, version)
	}
	if err != nil {
		return nil, err
	}
	var definition jsontext.Value
	err = c.do(ctx, r, &definition)
	return definition, err
}

// DeleteServiceDefinition deletes all versions of the definition of a service. Its servers
// stay, and its calls are not checked any more. If there is none, the code is
// no_such_service.
func (c *Client) DeleteServiceDefinition(ctx context.Context, service string) error {
	return c.onService(ctx, "delete the definition of the service", http.MethodDelete, service, nil, nil)
}
