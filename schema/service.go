package schema

import (
	"errors"
)

// A Service is one version of what the calls of a service must match. It is safe for
// concurrent use.
//
// Its Definition has a field of type object for each procedure, which in turn has the
// fields body and result, also of type object, where the procedure restricts them. So
// versions, differences and histories are those of streams. AppendService writes the form
// that clients know.
type Service struct {
	Definition *Definition
	procedures map[string]procedure
}

// A procedure is what its calls must match. A nil Schema takes any JSON.
type procedure struct{ body, result *Schema }

const (
	bodyField   = "body"
	resultField = "result"
)

var (
	serviceKeys   = []string{"name", "version", "procedures", "unknownFields"}
	procedureKeys = []string{"name", bodyField, resultField}
)

// ParseService reads a definition of the named service:
//
//	{"name":"pricing","version":1,"procedures":[{"name":"quote","body":[<field>,...],"result":[<field>,...]}]}
//
// It is ParseDefinition otherwise. checkName says what is wrong with the name of a
// procedure. Procedures count as fields.
func ParseService(data []byte, serviceName string, limits Limits, checkName func(string) error) (*Definition, error) {
	doc, err := Decode(data, definitionDepth(limits.Depth))
	if err != nil {
		return nil, err
	}
	p := definitionParser{limits: limits}
	def := &Definition{Name: serviceName}
	if object, ok := doc.Value.(map[string]any); ok {
		p.heading(def, object, doc.Raw, "service")
		def.Fields = p.procedures(object["procedures"], checkName)
		def.UnknownFields = p.policy(object["unknownFields"])
		p.keys("", object, serviceKeys)
	} else {
		p.Addf("definition", "expected an object, got %s", describe(doc.Raw))
	}
	if p.Count() > 0 {
		return nil, &DefinitionError{Stream: serviceName, Problems: p.All()}
	}
	return def, nil
}

func (p *definitionParser) procedures(v any, checkName func(string) error) []Field {
	const path = "procedures"
	list, ok := v.([]any)
	switch {
	case v == nil:
		p.Add(path, "missing, expected a list of procedures")
	case !ok:
		p.Addf(path, "expected a list of procedures, got %s", describeValue(v))
	}
	return p.named(path, list, "procedures and fields", func(at string, item any) Field { return p.procedure(at, item, checkName) })
}

func (p *definitionParser) procedure(at string, v any, checkName func(string) error) Field {
	object, ok := v.(map[string]any)
	if !ok {
		p.Addf(at, "expected a procedure, an object with a name, got %s", describeValue(v))
		return Field{}
	}
	f := Field{Name: p.fieldName(at+".name", object["name"]), Type: Object}
	if f.Name != "" {
		if err := checkName(f.Name); err != nil {
			p.Add(at+".name", err.Error())
		}
	}
	for _, key := range []string{bodyField, resultField} {
		if object[key] != nil {
			fields := p.fieldList(at+"."+key, object[key], 1)
			f.Fields = append(f.Fields, Field{Name: key, Type: Object, Fields: fields})
		}
	}
	p.keys(at+".", object, procedureKeys)
	return f
}

// AppendService appends a definition from ParseService in the form that ParseService
// reads.
func AppendService(b []byte, d *Definition) []byte {
	b = appendQuoted(append(b, `{"name":`...), d.Name)
	b = d.Version.AppendJSON(append(b, `,"version":`...))
	b = append(b, `,"procedures":[`...)
	for i := range d.Fields {
		if i > 0 {
			b = append(b, ',')
		}
		one := &d.Fields[i]
		b = appendQuoted(append(b, `{"name":`...), one.Name)
		for _, part := range one.Fields {
			b = append(appendQuoted(append(b, ','), part.Name), ':')
			b = appendFields(b, part.Fields)
		}
		b = append(b, '}')
	}
	b = append(b, ']')
	if d.UnknownFields != "" {
		b = appendQuoted(append(b, `,"unknownFields":`...), string(d.UnknownFields))
	}
	return append(b, '}')
}

// NewService returns the Service of a definition from ParseService. Like NewSchema, it
// compiles nothing.
func NewService(def *Definition, rules Rules) *Service {
	s := &Service{Definition: def, procedures: make(map[string]procedure, len(def.Fields))}
	for _, f := range def.Fields {
		var one procedure
		for _, part := range f.Fields {
			whole := *def
			whole.Fields = part.Fields
			if part.Name == bodyField {
				one.body = NewSchema(&whole, rules)
			} else {
				one.result = NewSchema(&whole, rules)
			}
		}
		s.procedures[f.Name] = one
	}
	return s
}

// Compile returns an error if calls cannot be checked. It keeps nothing that it compiles.
func (s *Service) Compile() error {
	for _, one := range s.procedures {
		for _, part := range []*Schema{one.body, one.result} {
			if part == nil {
				continue
			}
			if err := part.Compile(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Has reports whether the service has the procedure.
func (s *Service) Has(procedure string) bool {
	_, has := s.procedures[procedure]
	return has
}

// CheckBody is Schema.CheckWithin for the body of a call.
func (s *Service) CheckBody(b *Budget, procedure string, body []byte, depth int) ([]byte, error) {
	return checkPart(b, s.procedures[procedure].body, "body of ", procedure, body, depth)
}

// ChecksResult reports whether CheckResult may refuse anything.
func (s *Service) ChecksResult(procedure string) bool { return s.procedures[procedure].result != nil }

// CheckResult is Schema.CheckWithin for the result of a call.
func (s *Service) CheckResult(b *Budget, procedure string, result []byte, depth int) ([]byte, error) {
	return checkPart(b, s.procedures[procedure].result, "result of ", procedure, result, depth)
}

func checkPart(b *Budget, part *Schema, what, procedure string, text []byte, depth int) ([]byte, error) {
	checked, err := part.CheckWithin(b, text, depth)
	if refused := (*ValidationError)(nil); errors.As(err, &refused) {
		refused.What = what + procedure
	}
	return checked, err
}
