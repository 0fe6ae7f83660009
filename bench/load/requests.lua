-- For wrk: the requests of a scenario, in turn. BENCH_REQUESTS names a Lua file that returns
--   {host, devices, first, keys = {…}, calls = {{method, path, body}, …}, groups = {…}}
-- with the placeholders of bench/scenarios.py in paths and bodies. At the end, a line of figures goes to standard error.

local scenario = dofile(os.getenv("BENCH_REQUESTS"))
local floor, format, concat = math.floor, string.format, table.concat
local sent = 0

-- A text, cut at its placeholders once, so that filling it in costs no search.
local function cut(text)
    local pieces, slots, from = {}, {}, 1
    while true do
        local start, stop, name = text:find("@([A-Z_]+)@", from)
        if not start then break end
        pieces[#pieces + 1] = text:sub(from, start - 1)
        pieces[#pieces + 1] = false
        slots[#slots + 1] = {#pieces, name:sub(1, 1)}
        from = stop + 1
    end
    pieces[#pieces + 1] = text:sub(from)
    return {pieces = pieces, slots = slots}
end

local values = {}
local function fill(template)
    local pieces = template.pieces
    for _, slot in ipairs(template.slots) do pieces[slot[1]] = values[slot[2]] end
    return concat(pieces)
end

local function set_values(device, moment)
    values.D = format("%012d", device)
    values.G = scenario.groups[device + 1]
    values.M = format("%08d", moment)
end

local calls = {}
for position, call in ipairs(scenario.calls) do
    set_values(0, 0)
    calls[position] = {}
    for number, key in ipairs(scenario.keys) do
        local body = call.method == "POST" and call.body or ""
        calls[position][number] = cut(concat({
            format("%s %s HTTP/1.1\r\nHost: %s\r\nX-API-Key: %s\r\nContent-Type: application/json\r\n",
                call.method, call.path, scenario.host, key),
            body ~= "" and format("Content-Length: %d\r\n", #fill(cut(body))) or "",
            "\r\n",
            body,
        }))
    end
end

function request()
    local lap = floor(sent / scenario.devices)
    local call = calls[(sent + lap) % #calls + 1]
    set_values(sent % scenario.devices, scenario.first + lap)
    sent = sent + 1
    return fill(call[sent % #call + 1])
end

function done(summary, latency)
    local errors = summary.errors
    io.stderr:write(format("%d %d %d %d %d %d %d\n",
        summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(95), latency:percentile(99),
        errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
