/*
 * The floor: the least a socketmap server can do in C.  It takes whatever arrives for one request and sends one
 * constant reply.
 *
 *   floor PATH [spin]
 *
 * Without `spin` it sleeps until something arrives, as any blocking server does; with it, it polls for ever and
 * takes a whole core, which is the least that waiting can cost.
 */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BATCH = 64, BACKLOG = 512 };

static const char reply[] = "26:OK user1@external.test.tux,";

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (listener < 0 || strlen(path) >= sizeof address.sun_path)
        return -1;
    strcpy(address.sun_path, path);
    unlink(path);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, BACKLOG))
        return -1;
    return listener;
}

static void serve(int listener, int timeout)
{
    static char buffer[65536];
    struct epoll_event events[BATCH], event = {.events = EPOLLIN, .data.fd = listener};
    int epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(epoll, events, BATCH, timeout);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                event.data.fd = accept(listener, 0, 0);
                epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
            } else if (recv(fd, buffer, sizeof buffer, 0) <= 0)
                close(fd);
            else if (send(fd, reply, sizeof reply - 1, MSG_NOSIGNAL) < 0)
                close(fd);
        }
    }
}

int main(int argc, char **argv)
{
    int listener = argc > 1 ? listen_at(argv[1]) : -1;
    if (listener < 0) {
        perror("floor PATH [spin]");
        return 1;
    }
    serve(listener, argc > 2 && !strcmp(argv[2], "spin") ? 0 : -1);
}
