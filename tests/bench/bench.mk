# bench.mk - the yardsticks, and `make bench`.  Included by tests.mk, which builds the load tools.

$(B)/tests/bench/bare: $(B)/tests/bench/bare.o $(B)/tests/tools/tool.o
	$(Q)$(LINK) $^ -lmicrohttpd -lcurl -lsqlite3 -o $@

$(B)/tests/bench/points: $(B)/tests/bench/points.o $(B)/tests/tools/tool.o
	$(Q)$(LINK) $^ -lsqlite3 -o $@

$(B)/tests/bench/rows: $(B)/tests/bench/rows.o $(B)/tests/tools/tool.o
	$(Q)$(LINK) $^ -lsqlite3 -o $@

$(B)/tests/bench/windows: $(B)/tests/bench/windows.o $(B)/tests/tools/tool.o $(B)/libbelfry.a
	$(Q)$(LINK) $^ $(LIBS) -o $@

$(B)/tests/bench/script: $(B)/tests/bench/script.o $(B)/tests/tools/tool.o $(B)/libbelfry.a
	$(Q)$(LINK) $^ $(LIBS) -o $@

$(B)/tests/bench/box: $(B)/tests/bench/box.o $(B)/tests/tools/tool.o $(B)/libbelfry.a
	$(Q)$(LINK) $^ $(LIBS) -o $@

# PARTS="a c" runs only these.
bench: all $(TOOL_PROGRAMS) $(B)/tests/bench/bare $(B)/tests/bench/rows $(B)/tests/bench/points \
       $(B)/tests/bench/windows $(B)/tests/bench/script $(B)/tests/bench/box
	$(Q)BUILD=$(B) tests/bench/bench.sh $(PARTS)

.PHONY: bench
