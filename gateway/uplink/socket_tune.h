/* socket_tune: socket options that the MQTT library does not set and gives no way to set. */
#ifndef FIREGW_GATEWAY_UPLINK_SOCKET_TUNE_H
#define FIREGW_GATEWAY_UPLINK_SOCKET_TUNE_H

/* For every connected TCP socket of this process (there is one, the hub's): no delay of small packets behind an unacknowledged one, and a send buffer that holds
 * a whole payload: the library writes the rest of a partly written packet only when something arrives, or a second later. */
void socket_tune_all(void);

#endif
