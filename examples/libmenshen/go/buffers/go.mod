module buffers

go 1.19
