-- Asks for the paths of a file, one after the other: wrk … -s walk-paths.lua URL -- FILE
-- A crane takes a client that asks for the same again within ten seconds for one that has failed. So a walk through all takes
-- longer than that, and the next run begins where this one would have been by then.
local WALK_SECONDS = 12
local file, rest

function init(arguments)
  file = io.open(arguments[1])
  local size = file:seek("end")
  file:seek("set", math.floor(size * (os.time() % WALK_SECONDS) / WALK_SECONDS))
  file:read("*l") -- what is left of a line
  rest = wrk.format("GET", "/"):sub(#"GET /" + 1)
end

function request()
  local path = file:read("*l")
  if not path then
    file:seek("set", 0)
    path = file:read("*l")
  end
  return "GET " .. path .. rest
end
