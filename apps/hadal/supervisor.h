// Words to the supervisor that started the program and waits for them (systemd's Type=notify).
#pragma once

#include <string_view>

namespace hadal {

// As "READY=1"; nothing happens where nobody waits ($NOTIFY_SOCKET is not set).
void tell_supervisor(std::string_view word);

}  // namespace hadal
