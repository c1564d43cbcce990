package httpapi

import (
	"bytes"
	_ "embed" // of the page
	"html/template"

	"seagate/protocol"
)

var (
	//go:embed page/errors.html
	errorsText string

	errorsTemplate = template.Must(template.New("errors").Parse(errorsText))
)

// checkCode refuses what is no error code.
func checkCode(text string) error {
	if _, known := protocol.Code(text).Info(); !known {
		return protocol.Errorf(protocol.CodePathNotFound, "there is no error code %q; %s lists all", excerpt(text), base+"/errors")
	}
	return nil
}

// listErrors is GET /errors: what docs/protocol.md says of each code.
func (q *request) listErrors() (any, error) {
	codes := protocol.Codes()
	if acceptsHTML(q.r) {
		return nil, q.errorPage("Error codes", codes)
	}
	list := make([]protocol.CodeView, len(codes))
	for i, info := range codes {
		list[i] = info.View()
	}
	q.w.Header().Add("Vary", "Accept")
	return struct {
		Errors []protocol.CodeView `json:"errors"`
	}{list}, nil
}

// getError is GET /errors/{code}, to which the type of a problem document leads.
func (q *request) getError() (any, error) {
	info, _ := protocol.Code(q.r.PathValue("code")).Info()
	if acceptsHTML(q.r) {
		return nil, q.errorPage(info.Title, []protocol.CodeInfo{info})
	}
	q.w.Header().Add("Vary", "Accept")
	return info.View(), nil
}

func (q *request) errorPage(title string, codes []protocol.CodeInfo) error {
	var body bytes.Buffer
	err := errorsTemplate.Execute(&body, struct {
		Title string
		Codes []protocol.CodeInfo
		Style template.CSS
	}{title, codes, template.CSS(pageStyle)})
	if err == nil {
		q.writePage(body.Bytes())
	}
	return err
}
