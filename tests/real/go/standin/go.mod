module fakecri.dev/tests/real/go/standin

go 1.26.0
